#include <algorithm>
#include <cmath>
#include <limits>
#include <refcalib/quantize.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/isa_forms.h"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::available_isa_forms;
using refcalib_test::awkward_values;
using refcalib_test::IsaForms;
using refcalib_test::kLengths;
using refcalib_test::same_bits;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <class T>
std::vector<QuantParams> params_for() {
  const int bits = 8 * static_cast<int>(sizeof(T));
  const auto sign = std::is_signed_v<T> ? Signedness::is_signed : Signedness::is_unsigned;
  const Levels full = levels(bits, sign);
  const Levels narrow = levels(bits, sign, RangeKind::narrow);
  const Levels small = levels(4, sign);
  return {{0.03F, 0, full},
          {0.5F, full.qmin, full},
          {0.5F, full.qmax, full},
          {0.0117F, (full.qmin + full.qmax) / 2, full},
          {0.25F, narrow.qmax / 2, narrow},
          {1e-4F, 0, narrow},
          {1.0F, 3, small},
          {kMinScale, 0, full},
          {1e30F, 0, full}};
}

/// The other order of operations: round, add the zero point, clamp; in double, where nothing overflows.
std::int32_t reference_quantize(float x, const QuantParams& p) {
  const float scaled = x * (1.0F / p.scale);
  if (std::isnan(scaled)) return p.levels.qmin;
  const double q = std::nearbyint(static_cast<double>(scaled)) + p.zero_point;
  return static_cast<std::int32_t>(
      std::min(std::max(q, static_cast<double>(p.levels.qmin)), static_cast<double>(p.levels.qmax)));
}

}  // namespace

TEST_CASE("quantize rounds half to even and saturates", "[quantize]") {
  struct Case {
    float x;
    QuantParams params;
    std::int32_t expected;
  };
  const QuantParams half{0.5F, 0, kInt8};
  const Case cases[] = {
      {0.25F, half, 0},
      {0.75F, half, 2},
      {1.25F, half, 2},
      {-0.25F, half, 0},
      {-0.75F, half, -2},
      {-1.25F, half, -2},
      {63.5F, half, 127},
      {63.75F, half, 127},
      {1e9F, half, 127},
      {-1e9F, half, -128},
      {kInf, half, 127},
      {-kInf, half, -128},
      {kNan, half, -128},
      {0.0F, half, 0},
      {-0.0F, half, 0},
      {0.0F, {0.1F, 77, kUint8}, 77},
      {-100.0F, {0.1F, 77, kUint8}, 0},
      {0.05F, {0.1F, 77, kUint8}, 77},
      {1e38F, {kMinScale, 5, kUint8}, 255},
      {-64.0F, {0.5F, 0, kInt8Narrow}, -127},
  };
  for (const Case& c : cases) {
    INFO(c.x);
    CHECK(quantize(c.x, c.params) == c.expected);
  }
}

TEST_CASE("the error inside the range is at most half a step", "[quantize]") {
  for (const QuantParams& p : params_for<std::uint8_t>()) {
    if (p.scale < 1e-30F || p.scale > 1e20F) continue;
    const Range range = representable_range(p);
    for (int i = 0; i <= 5000; ++i) {
      const float x = range.min + (range.max - range.min) * static_cast<float>(i) / 5000.0F;
      const double error = std::fabs(static_cast<double>(fake_quantize(x, p)) - x);
      REQUIRE(error <= 0.5 * p.scale + std::ldexp(std::fabs(x) + range.max - range.min, -22));
    }
  }
}

TEST_CASE("quantize inverts dequantize on every level", "[quantize]") {
  for (const QuantParams& p : params_for<std::int16_t>()) {
    for (std::int32_t q = p.levels.qmin; q <= p.levels.qmax; ++q) {
      if (!std::isfinite(dequantize(q, p))) continue;
      REQUIRE(quantize(dequantize(q, p), p) == q);
    }
  }
}

TEMPLATE_TEST_CASE("span forms equal the scalar ones on every instruction set", "[quantize]", std::int8_t,
                   std::uint8_t, std::int16_t, std::uint16_t) {
  using T = TestType;
  const std::vector<float> pool = awkward_values(1100, 11);
  for (const IsaForms& isa : available_isa_forms()) {
    INFO("isa " << isa.name);
    for (const QuantParams& p : params_for<T>()) {
      for (const std::size_t n : kLengths) {
        for (const std::size_t offset : std::initializer_list<std::size_t>{0, 1}) {
          const std::span<const float> x(pool.data() + offset, n);
          constexpr T sentinel = 99;
          std::vector<T> q(n + 8, sentinel);
          isa.typed<T>().quantize(x, std::span<T>(q.data(), n), p);
          for (std::size_t i = 0; i < n; ++i) {
            REQUIRE(q[i] == quantize(x[i], p));
            REQUIRE(q[i] == reference_quantize(x[i], p));
          }
          REQUIRE(std::count(q.begin() + static_cast<std::ptrdiff_t>(n), q.end(), sentinel) == 8);

          std::vector<float> back(n + 8, -7.0F);
          isa.typed<T>().dequantize(std::span<const T>(q.data(), n), std::span<float>(back.data(), n), p);
          for (std::size_t i = 0; i < n; ++i) REQUIRE(same_bits(back[i], dequantize(q[i], p)));
          REQUIRE(std::count(back.begin() + static_cast<std::ptrdiff_t>(n), back.end(), -7.0F) == 8);

          std::vector<float> fake(x.begin(), x.end());
          isa.fake_quantize(fake, fake, p);
          for (std::size_t i = 0; i < n; ++i) REQUIRE(same_bits(fake[i], fake_quantize(x[i], p)));
        }
      }
    }
  }
}

TEST_CASE("each instruction set was compiled with its own register width", "[quantize]") {
  std::size_t previous = 0;
  for (const IsaForms& isa : available_isa_forms()) {
    INFO("isa " << isa.name);
    CHECK(isa.lanes > previous);
    previous = isa.lanes;
    if (isa.name == "avx2") CHECK(isa.lanes == 8);
    if (isa.name == "avx512") CHECK(isa.lanes == 16);
  }
}

TEST_CASE("span forms refuse bad arguments", "[quantize]") {
  const std::vector<float> x(4, 1.0F);
  std::vector<float> y(4);
  std::vector<std::int8_t> q(4);
  std::vector<std::int8_t> shorter(3);
  const QuantParams good{0.1F, 0, kInt8};
  CHECK_THROWS_AS(quantize<std::int8_t>(x, shorter, good), std::invalid_argument);
  CHECK_THROWS_AS(quantize<std::int8_t>(x, q, QuantParams{0.1F, 0, kUint8}), std::invalid_argument);
  CHECK_THROWS_AS(quantize<std::int8_t>(x, q, QuantParams{0.0F, 0, kInt8}), std::invalid_argument);
  CHECK_THROWS_AS(quantize<std::int8_t>(x, q, QuantParams{0.1F, 200, kInt8}), std::invalid_argument);
  CHECK_THROWS_AS(dequantize<std::int8_t>(shorter, y, good), std::invalid_argument);
  CHECK_THROWS_AS(dequantize<std::int8_t>(q, y, QuantParams{-1.0F, 0, kInt8}), std::invalid_argument);
  CHECK_THROWS_AS(fake_quantize(std::span<const float>(x), std::span<float>(y).first(3), good),
                  std::invalid_argument);
  CHECK_THROWS_AS(fake_quantize(std::span<const float>(x), std::span<float>(y), QuantParams{1, 0, {5, 1}}),
                  std::invalid_argument);
}
