#include "engine/calibration/bias_correction.h"

#include <cmath>

#include "engine/graph/builder.h"
#include "engine/ops/convolution.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

namespace {

constexpr std::int64_t kOutputs = 3, kInputs = 2, kArea = 9;

/// Weights that lie between the integers of their scale.
std::vector<float> weights() {
  std::vector<float> w;
  for (std::int64_t i = 0; i < kOutputs * kInputs * kArea; ++i)
    w.push_back(std::sin(static_cast<float>(i) * 1.7F) * static_cast<float>(1 + i % 5));
  return w;
}

std::vector<QuantizationRange> ranges(const std::vector<float>& w) {
  std::vector<QuantizationRange> result;
  for (std::int64_t o = 0; o < kOutputs; ++o) {
    float top = 0;
    for (std::int64_t k = 0; k < kInputs * kArea; ++k)
      top = std::max(top, std::fabs(w[static_cast<std::size_t>(o * kInputs * kArea + k)]));
    result.push_back({-top, top});
  }
  return result;
}

struct Layer {
  GraphBuilder b;
  Layer(const std::vector<float>& w, const char* bias_name, const std::vector<float>& bias) {
    const ValueId x = b.input("x", DType::f32, {1, kInputs, 8, 8});
    std::vector<ValueId> inputs = {x, b.constant("w", Constant::f32({1, kOutputs, kInputs, 3, 3}, w))};
    if (!bias.empty()) inputs.push_back(b.constant(bias_name, Constant::f32({kOutputs}, bias)));
    ConvolutionAttributes a;
    a.strides = a.dilations = {1, 1};
    a.pads_begin = a.pads_end = {0, 0};
    b.output(b.add1("Convolution", "y", Attributes::of(std::move(a)), inputs));
  }
  const Node& node() { return b.graph().node(b.graph().order().front()); }
};

}  // namespace

TEST_CASE("a corrected bias makes up for rounded weights on constant inputs", "[bias_correction]") {
  const std::vector<float> w = weights(), means = {0.75F, -2.0F}, plain = {0.5F, -1.0F, 4.0F};
  const auto limits = ranges(w);
  for (const std::vector<float>& bias : {plain, std::vector<float>{}}) {
    Layer layer(w, "bias", bias);
    const auto corrected = corrected_bias(layer.b.graph(), layer.node(),
                                          Constant::f32({1, kOutputs, kInputs, 3, 3}, w), limits, means);
    REQUIRE(corrected.size() == kOutputs);
    for (std::size_t o = 0; o < kOutputs; ++o) {
      // What the channel gives where every input has its mean, with exact and with rounded weights.
      const double scale = double{limits[o].high} / 127.0;
      double exact = bias.empty() ? 0.0 : double{bias[o]}, rounded = corrected[o];
      for (std::size_t k = 0; k < kInputs * kArea; ++k) {
        const double value = w[o * kInputs * kArea + k], mean = means[k / kArea];
        exact += value * mean;
        rounded += std::nearbyint(value / scale) * scale * mean;
      }
      CHECK(std::fabs(exact - rounded) < 1e-4);
      CHECK(std::fabs(corrected[o] - (bias.empty() ? 0.0F : bias[o])) > 1e-4);
    }
  }
}

TEST_CASE("a bias that was corrected before stays", "[bias_correction]") {
  const std::vector<float> w = weights(), bias = {1, 2, 3};
  Layer layer(w, "y/corrected_bias", bias);
  CHECK(corrected_bias(layer.b.graph(), layer.node(), Constant::f32({1, kOutputs, kInputs, 3, 3}, w),
                       ranges(w), {1.0F, 1.0F}) == bias);
}

TEST_CASE("weights that are integers of their scale need no correction", "[bias_correction]") {
  std::vector<float> w(kOutputs * kInputs * kArea, 0.5F);
  Layer layer(w, "bias", {1, 2, 3});
  CHECK(corrected_bias(layer.b.graph(), layer.node(), Constant::f32({1, kOutputs, kInputs, 3, 3}, w),
                       std::vector<QuantizationRange>(kOutputs, {-63.5F, 63.5F}), {1.0F, 1.0F})
            .empty());
}
