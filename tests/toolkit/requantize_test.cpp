#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <refcalib/requantize.hpp>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/toolkit/isa_forms.h"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::available_isa_forms;
using refcalib_test::IsaForms;
using refcalib_test::kLengths;

namespace {

constexpr std::int32_t kLowest = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kHighest = std::numeric_limits<std::int32_t>::max();

std::vector<std::int32_t> accumulators(std::size_t n) {
  std::vector<std::int32_t> acc{
      0,       1,           -1,       2,           -2, 3, -3, 1 << 24, (1 << 24) + 1, -(1 << 24) - 3,
      kLowest, kLowest + 1, kHighest, kHighest - 1};
  std::mt19937 engine(5);
  std::uniform_int_distribution<std::int32_t> wide(kLowest, kHighest);
  std::uniform_int_distribution<std::int32_t> usual(-40000, 40000);
  while (acc.size() < n) acc.push_back(acc.size() % 4 == 0 ? wide(engine) : usual(engine));
  return acc;
}

/// The published definition: a truncating division with a nudge that depends on the sign.
std::int32_t reference_high_mul(std::int32_t a, std::int32_t b) {
  if (a == kLowest && b == kLowest) return kHighest;
  const std::int64_t ab = static_cast<std::int64_t>(a) * b;
  const std::int64_t nudge = ab >= 0 ? (std::int64_t{1} << 30) : 1 - (std::int64_t{1} << 30);
  return static_cast<std::int32_t>((ab + nudge) / (std::int64_t{1} << 31));
}

/// The published definition: shift, then correct by the remainder.
std::int32_t reference_divide(std::int32_t x, int exponent) {
  const std::int64_t mask = (std::int64_t{1} << exponent) - 1;
  const std::int64_t remainder = x & mask;
  const std::int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return static_cast<std::int32_t>((static_cast<std::int64_t>(x) >> exponent) +
                                   (remainder > threshold ? 1 : 0));
}

template <class T>
std::vector<OutputCode> codes_for() {
  const int bits = 8 * static_cast<int>(sizeof(T));
  const Levels full = levels(bits, std::is_signed_v<T> ? Signedness::is_signed : Signedness::is_unsigned);
  return {{0, full}, {full.qmax, full}, {full.qmin, full}, {(full.qmin + full.qmax + 1) / 2, full}};
}

}  // namespace

TEST_CASE("the float multiplier rounds half to even and saturates", "[requantize]") {
  struct Case {
    std::int32_t acc;
    float multiplier;
    OutputCode code;
    std::int32_t expected;
  };
  const OutputCode u8{128, kUint8};
  const OutputCode s8{0, kInt8};
  const Case cases[] = {
      {1, 0.5F, s8, 0},           {3, 0.5F, s8, 2},
      {5, 0.5F, s8, 2},           {-1, 0.5F, s8, 0},
      {-3, 0.5F, s8, -2},         {0, 0.3F, u8, 128},
      {10, 1.0F, u8, 138},        {kHighest, 1.0F, u8, 255},
      {kLowest, 1.0F, u8, 0},     {kHighest, 1e30F, s8, 127},
      {kLowest, 1e30F, s8, -128}, {5, std::numeric_limits<float>::quiet_NaN(), s8, -128},
  };
  for (const Case& c : cases) CHECK(requantize(c.acc, c.multiplier, c.code) == c.expected);
}

TEST_CASE("multipliers become normalised Q31 numbers", "[requantize]") {
  CHECK(quantize_multiplier(1.0) == FixedMultiplier{1 << 30, 1});
  CHECK(quantize_multiplier(0.5) == FixedMultiplier{1 << 30, 0});
  CHECK(quantize_multiplier(0.75) == FixedMultiplier{3 << 29, 0});
  CHECK(quantize_multiplier(0.0) == FixedMultiplier{0, 0});
  CHECK(quantize_multiplier(std::ldexp(1.0, -33)) == FixedMultiplier{0, 0});
  CHECK(quantize_multiplier(std::ldexp(1.0, -32)) == FixedMultiplier{1 << 30, -31});
  // The mantissa rounds up to one: it is halved and the shift grows.
  CHECK(quantize_multiplier(std::nextafter(1.0, 0.0)) == FixedMultiplier{1 << 30, 1});
  CHECK(quantize_multiplier(std::nextafter(std::ldexp(1.0, 30), 0.0)) == FixedMultiplier{kHighest, 30});
  std::mt19937 engine(9);
  std::uniform_real_distribution<double> exponent(-31.0, 29.0);
  for (int i = 0; i < 2000; ++i) {
    const double real = std::exp2(exponent(engine));
    const FixedMultiplier m = quantize_multiplier(real);
    REQUIRE(m.mantissa >= 1 << 30);
    REQUIRE(std::fabs(real_value(m) - real) <= real * std::ldexp(1.0, -31));
  }
  for (const double bad : {-0.1, std::ldexp(1.0, 30), std::numeric_limits<double>::infinity(),
                           std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_THROWS_AS(quantize_multiplier(bad), std::invalid_argument);
  }
}

TEST_CASE("fixed-point primitives equal their published definitions", "[requantize]") {
  const std::vector<std::int32_t> acc = accumulators(400);
  for (const std::int32_t a : acc) {
    for (const std::int32_t b : acc) REQUIRE(rounding_doubling_high_mul(a, b) == reference_high_mul(a, b));
    for (int exponent = 0; exponent <= 31; ++exponent) {
      REQUIRE(rounding_divide_by_power_of_two(a, exponent) == reference_divide(a, exponent));
    }
  }
  CHECK(rounding_divide_by_power_of_two(1, 1) == 1);
  CHECK(rounding_divide_by_power_of_two(-1, 1) == -1);
  CHECK(rounding_divide_by_power_of_two(kLowest, 31) == -1);
}

TEST_CASE("the fixed multiplier is within one of the exact product", "[requantize]") {
  for (const double real : {0.0009765, 0.3, 0.99999, 1.0, 1.7, 0.5, 1e-7}) {
    const FixedMultiplier m = quantize_multiplier(real);
    for (const std::int32_t acc : accumulators(2000)) {
      const double exact = static_cast<double>(acc) * real_value(m);
      if (std::fabs(exact) > 2147483000.0 || (m.shift > 0 && std::abs(static_cast<double>(acc)) > 1 << 29))
        continue;
      REQUIRE(std::fabs(multiply_fixed(acc, m) - exact) <= 1.0);
    }
  }
  CHECK(multiply_fixed(kHighest, quantize_multiplier(1000.0)) == Approx(kHighest).epsilon(0.03));
  CHECK(requantize(kHighest, quantize_multiplier(1000.0), {5, kUint8}) == 255);
  CHECK(requantize(kLowest, quantize_multiplier(1000.0), {5, kUint8}) == 0);
  CHECK(requantize(123456, quantize_multiplier(0.0), {5, kUint8}) == 5);
}

TEMPLATE_TEST_CASE("requantizing spans equals the scalar forms on every instruction set", "[requantize]",
                   std::int8_t, std::uint8_t, std::int16_t, std::uint16_t) {
  using T = TestType;
  const std::vector<std::int32_t> pool = accumulators(1100);
  const float multipliers[] = {0.0031F, 0.5F, 1.0F, 37.25F, 1e-9F, 0.0F};
  for (const IsaForms& isa : available_isa_forms()) {
    INFO("isa " << isa.name);
    for (const OutputCode& code : codes_for<T>()) {
      for (const std::size_t n : kLengths) {
        const std::span<const std::int32_t> acc(pool.data() + 1, n);
        for (const float multiplier : multipliers) {
          std::vector<T> q(n + 4, T{77});
          const std::span<T> out(q.data(), n);
          isa.typed<T>().requantize(acc, out, multiplier, code);
          for (std::size_t i = 0; i < n; ++i) REQUIRE(q[i] == requantize(acc[i], multiplier, code));
          const FixedMultiplier fixed = quantize_multiplier(static_cast<double>(multiplier));
          isa.typed<T>().requantize_fixed(acc, out, fixed, code);
          for (std::size_t i = 0; i < n; ++i) REQUIRE(q[i] == requantize(acc[i], fixed, code));
          REQUIRE(std::count(q.begin() + static_cast<std::ptrdiff_t>(n), q.end(), T{77}) == 4);
        }
      }
    }
  }
}

TEST_CASE("every shift of the fixed multiplier agrees between span and scalar", "[requantize]") {
  const std::vector<std::int32_t> acc = accumulators(300);
  std::vector<std::int16_t> q(acc.size());
  const OutputCode code{-5, levels(16, Signedness::is_signed)};
  for (const IsaForms& isa : available_isa_forms()) {
    for (std::int32_t shift = -31; shift <= 30; ++shift) {
      for (const std::int32_t mantissa : {1 << 30, 1518500250, kHighest}) {
        const FixedMultiplier m{mantissa, shift};
        isa.i16.requantize_fixed(acc, q, m, code);
        for (std::size_t i = 0; i < acc.size(); ++i) REQUIRE(q[i] == requantize(acc[i], m, code));
      }
    }
  }
}

TEST_CASE("per-channel multipliers apply along the last axis", "[requantize]") {
  const std::vector<std::int32_t> pool = accumulators(2000);
  const OutputCode code{128, kUint8};
  for (const IsaForms& isa : available_isa_forms()) {
    for (const std::size_t channels : std::initializer_list<std::size_t>{1, 3, 16, 33, 64, 100}) {
      std::vector<float> multipliers(channels);
      for (std::size_t c = 0; c < channels; ++c) multipliers[c] = 0.001F * static_cast<float>(c + 1);
      const std::size_t rows = 7;
      const std::span<const std::int32_t> acc(pool.data(), rows * channels);
      std::vector<std::uint8_t> q(acc.size());
      isa.u8.requantize_channels(acc, q, multipliers, code);
      for (std::size_t i = 0; i < acc.size(); ++i)
        REQUIRE(q[i] == requantize(acc[i], multipliers[i % channels], code));
    }
  }
}

TEST_CASE("requantize refuses bad arguments", "[requantize]") {
  const std::vector<std::int32_t> acc(6, 1);
  std::vector<std::uint8_t> q(6);
  std::vector<std::uint8_t> shorter(5);
  const std::span<const std::int32_t> in(acc);
  const std::vector<float> four(4, 1.0F);
  const OutputCode good{0, kUint8};
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, shorter, 1.0F, good), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, 1.0F, OutputCode{0, kInt8}), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, 1.0F, OutputCode{256, kUint8}), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, std::span<const float>(four), good), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, std::span<const float>{}, good), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, FixedMultiplier{1 << 30, 31}, good), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, FixedMultiplier{-1, 0}, good), std::invalid_argument);
  CHECK_THROWS_AS(requantize<std::uint8_t>(in, q, FixedMultiplier{1, -32}, good), std::invalid_argument);
}
