#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <refcalib/per_channel.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::normal_values;

namespace {

constexpr std::size_t kChannels = 6;
constexpr std::size_t kDepth = 45;

/// Channels of very different size, one of zeros and one of denormals.
std::vector<float> mixed_weights() {
  std::vector<float> w = normal_values(kChannels * kDepth, 111);
  const float sizes[kChannels] = {1.0F, 100.0F, 0.0F, 1e-3F, 1e-42F, 1e37F};
  for (std::size_t i = 0; i < w.size(); ++i) w[i] *= sizes[i / kDepth];
  return w;
}

}  // namespace

TEST_CASE("per-channel scales follow the largest magnitude", "[per_channel]") {
  const std::vector<float> w = mixed_weights();
  for (const Levels levels : {kInt8Narrow, kInt8}) {
    const std::vector<float> scales = weight_scales(w, kChannels, levels);
    REQUIRE(scales.size() == kChannels);
    for (std::size_t c = 0; c < kChannels; ++c) {
      float reach = 0.0F;
      for (std::size_t k = 0; k < kDepth; ++k) reach = std::max(reach, std::fabs(w[c * kDepth + k]));
      CHECK(std::isfinite(1.0F / scales[c]));
      if (c == 2) {
        CHECK(scales[c] == 1.0F);
      } else if (c == 4) {
        CHECK(scales[c] == kMinScale);
      } else {
        CHECK(scales[c] == Approx(reach / 127.0F).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("quantized weights stay within half a step and sum up", "[per_channel]") {
  const std::vector<float> w = mixed_weights();
  for (const bool per_tensor : {false, true}) {
    const QuantizedWeights q =
        per_tensor ? quantize_weights_per_tensor(w, kChannels) : quantize_weights_per_channel(w, kChannels);
    REQUIRE(q.values.size() == w.size());
    REQUIRE(q.scales.size() == kChannels);
    for (std::size_t i = 0; i < w.size(); ++i) {
      const double scale = q.scales[i / kDepth];
      REQUIRE(q.values[i] >= -127);
      REQUIRE(std::fabs(q.values[i] * scale - w[i]) <= 0.5 * scale * (1 + 1e-4));
    }
    for (std::size_t c = 0; c < kChannels; ++c) {
      const auto begin = q.values.begin() + static_cast<std::ptrdiff_t>(c * kDepth);
      CHECK(q.sums[c] == std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(kDepth), 0));
    }
    if (per_tensor) CHECK(std::count(q.scales.begin(), q.scales.end(), q.scales[0]) == kChannels);
  }
  const QuantizedWeights per_channel = quantize_weights_per_channel(w, kChannels);
  for (const std::size_t c : std::initializer_list<std::size_t>{0, 1, 3, 5}) {
    const auto begin = per_channel.values.begin() + static_cast<std::ptrdiff_t>(c * kDepth);
    const auto [low, high] = std::minmax_element(begin, begin + static_cast<std::ptrdiff_t>(kDepth));
    CHECK(std::max(-*low, +*high) == 127);
  }
}

TEST_CASE("channel sums take a zero point out exactly", "[per_channel]") {
  const QuantizedWeights q = quantize_weights_per_channel(normal_values(2 * 50, 112), 2);
  const std::int32_t zero_point = 117;
  for (std::size_t c = 0; c < 2; ++c) {
    std::int32_t shifted = 0;
    std::int32_t raw = 0;
    for (std::size_t k = 0; k < 50; ++k) {
      const std::int32_t x = static_cast<std::int32_t>((k * 37) % 256);
      shifted += (x - zero_point) * q.values[c * 50 + k];
      raw += x * q.values[c * 50 + k];
    }
    CHECK(shifted == raw - zero_point * q.sums[c]);
  }
}

TEST_CASE("input channel scales move between activations and weights", "[per_channel]") {
  const std::size_t outputs = 3;
  const std::size_t inputs = 4;
  const std::size_t spatial = 9;
  const std::vector<float> w = normal_values(outputs * inputs * spatial, 113);
  const std::vector<float> s{0.5F, 2.0F, 1.0F, 4.0F};
  const std::vector<float> scaled = scale_input_channels(w, s, spatial);
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t k = 0; k < spatial; ++k) {
        const std::size_t at = (o * inputs + i) * spatial + k;
        CHECK(scaled[at] == w[at] * s[i]);
      }
    }
  }
  CHECK_THROWS_AS(scale_input_channels(w, s, 5), std::invalid_argument);
  CHECK_THROWS_AS(scale_input_channels(w, {}, 9), std::invalid_argument);
  CHECK_THROWS_AS(scale_input_channels(w, s, 0), std::invalid_argument);
}

TEST_CASE("weights that cannot be quantized are refused", "[per_channel]") {
  std::vector<float> w = normal_values(12, 114);
  const std::vector<float> ones(3, 1.0F);
  CHECK_THROWS_AS(weight_scales(w, 5), std::invalid_argument);
  CHECK_THROWS_AS(weight_scales(w, 0), std::invalid_argument);
  CHECK_THROWS_AS(weight_scales(w, 3, kUint8), std::invalid_argument);
  CHECK_THROWS_AS(quantize_weights(w, std::vector<float>(5, 1.0F)), std::invalid_argument);
  CHECK_THROWS_AS(quantize_weights(w, std::vector<float>(3, 0.0F)), std::invalid_argument);
  CHECK_THROWS_AS(quantize_weights(w, ones, levels(9, Signedness::is_signed)), std::invalid_argument);
  CHECK_THROWS_AS(quantize_weights_per_tensor(w, 5), std::invalid_argument);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    w[7] = bad;
    CHECK_THROWS_AS(weight_scales(w, 3), std::invalid_argument);
    CHECK_THROWS_AS(quantize_weights(w, ones), std::invalid_argument);
  }
  const std::vector<float> deep(std::size_t{1} << 24, 0.0F);
  CHECK_THROWS_AS(quantize_weights(deep, std::vector<float>(1, 1.0F)), std::invalid_argument);
}
