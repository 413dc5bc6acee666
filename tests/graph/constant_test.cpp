#include "engine/graph/constant.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

namespace {

/// The value of a half by its definition.
double half_by_definition(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const double sign = (half & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

template <class T>
Constant stored(DType dtype, const std::vector<T>& values, std::size_t misalignment = 0) {
  auto owner = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(T) + misalignment);
  std::memcpy(owner->data() + misalignment, values.data(), values.size() * sizeof(T));
  const auto bytes = std::span<const std::byte>(*owner).subspan(misalignment);
  return Constant(dtype, {static_cast<std::int64_t>(values.size())}, bytes, owner);
}

}  // namespace

TEST_CASE("every half converts to the float of the same value", "[constant]") {
  for (int bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const double expected = half_by_definition(half);
    const float actual = half_to_float(half);
    if (std::isnan(expected)) {
      if (!std::isnan(actual)) FAIL("half " << bits);
    } else if (static_cast<double>(actual) != expected || std::signbit(actual) != ((half & 0x8000) != 0)) {
      FAIL("half " << bits << " gives " << actual);
    }
  }
}

TEST_CASE("every half survives the way through float", "[constant]") {
  for (int bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if (std::isnan(half_by_definition(half))) {
      if (!std::isnan(half_to_float(float_to_half(half_to_float(half))))) FAIL("half " << bits);
    } else if (float_to_half(half_to_float(half)) != half) {
      FAIL("half " << bits << " comes back as " << float_to_half(half_to_float(half)));
    }
  }
}

TEST_CASE("floats between two halves go to the nearer one, ties to the even one", "[constant]") {
  for (int bits = 0; bits < 0x7bff; ++bits) {
    const auto low = static_cast<std::uint16_t>(bits);
    const auto high = static_cast<std::uint16_t>(bits + 1);
    const float middle = (half_to_float(low) + half_to_float(high)) / 2;  // exact: floats have 13 more bits
    const std::uint16_t even = (low & 1) == 0 ? low : high;
    const bool right = float_to_half(middle) == even && float_to_half(std::nextafter(middle, 0.0f)) == low &&
                       float_to_half(std::nextafter(middle, 1e9f)) == high &&
                       float_to_half(-middle) == (even | 0x8000);
    if (!right) FAIL("between halves " << low << " and " << high);
  }
  CHECK(float_to_half(65519.996f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(1e30f) == 0x7c00);
  CHECK(float_to_half(-std::numeric_limits<float>::infinity()) == 0xfc00);
  CHECK(float_to_half(1e-30f) == 0);
  CHECK(float_to_half(std::numeric_limits<float>::denorm_min()) == 0);
}

TEST_CASE("constants convert from every element type", "[constant]") {
  CHECK(stored<std::int8_t>(DType::i8, {-128, 127}).to_floats() == std::vector<float>{-128, 127});
  CHECK(stored<std::uint8_t>(DType::u8, {0, 255}).to_ints() == std::vector<std::int64_t>{0, 255});
  CHECK(stored<std::uint8_t>(DType::boolean, {0, 1}).to_ints() == std::vector<std::int64_t>{0, 1});
  CHECK(stored<std::int16_t>(DType::i16, {-32768}).to_ints() == std::vector<std::int64_t>{-32768});
  CHECK(stored<std::uint16_t>(DType::u16, {65535}).to_ints() == std::vector<std::int64_t>{65535});
  CHECK(stored<std::uint32_t>(DType::u32, {4294967295u}).to_ints() == std::vector<std::int64_t>{4294967295});
  CHECK(stored<std::int32_t>(DType::i32, {-5, 7}).to_floats() == std::vector<float>{-5, 7});
  CHECK(stored<double>(DType::f64, {0.5, -2.0}).to_floats() == std::vector<float>{0.5f, -2.0f});
  CHECK(stored<std::uint16_t>(DType::f16, {0x3c00, 0xc000}).to_floats() == std::vector<float>{1.0f, -2.0f});
  CHECK(stored<std::uint64_t>(DType::u64, {~0ull}).to_ints() ==
        std::vector<std::int64_t>{std::numeric_limits<std::int64_t>::max()});
}

TEST_CASE("floats convert to integers by truncation, saturating", "[constant]") {
  const Constant c = Constant::f32({5}, {2.9f, -2.9f, 1e30f, -1e30f, std::nanf("")});
  CHECK(c.to_ints() == std::vector<std::int64_t>{2, -2, std::numeric_limits<std::int64_t>::max(),
                                                 std::numeric_limits<std::int64_t>::min(), 0});
}

TEST_CASE("unaligned bytes are read correctly", "[constant]") {
  for (std::size_t shift = 1; shift < 8; ++shift) {
    CHECK(stored<float>(DType::f32, {1.5f, -3.25f}, shift).to_floats() == std::vector<float>{1.5f, -3.25f});
    CHECK(stored<std::int64_t>(DType::i64, {1, -1}, shift).to_ints() == std::vector<std::int64_t>{1, -1});
  }
}

TEST_CASE("a constant's bytes must fit its shape", "[constant]") {
  const std::vector<std::byte> bytes(12);
  CHECK_THROWS_AS(Constant(DType::f32, {4}, bytes, nullptr), FormatError);
  CHECK_THROWS_AS(Constant(DType::f32, {-3}, bytes, nullptr), FormatError);
  CHECK_THROWS_AS(Constant(DType::f32, {1 << 30, 1 << 30}, bytes, nullptr), FormatError);
  CHECK(Constant(DType::f32, {3}, bytes, nullptr).count() == 3);
  CHECK(Constant::i64_vector({}).count() == 0);
  CHECK_FALSE(static_cast<bool>(Constant{}));
}

TEST_CASE("reshaping keeps the data and refuses another count", "[constant]") {
  const Constant c = Constant::f32({2, 3}, {1, 2, 3, 4, 5, 6});
  const Constant r = c.reshaped({3, 2});
  CHECK(r.shape() == Shape{3, 2});
  CHECK(r.bytes().data() == c.bytes().data());
  CHECK_THROWS_AS(c.reshaped({4}), FormatError);
}

TEST_CASE("integers with scales are floats for whoever asks", "[constant]") {
  const Constant codes =
      stored<std::int8_t>(DType::i8, {-128, 127, 3, 0, -1, 5, 7, -9}, 1).reshaped({2, 2, 2});
  struct Case {
    std::vector<float> scale;
    std::size_t inner;
    std::vector<float> floats;
  };
  const Case cases[] = {{{1}, 8, {-128, 127, 3, 0, -1, 5, 7, -9}},
                        {{0.5F, 2}, 4, {-64, 63.5F, 1.5F, 0, -2, 10, 14, -18}},
                        {{0.5F, 2}, 2, {-64, 63.5F, 6, 0, -0.5F, 2.5F, 14, -18}},
                        {{1, 10}, 1, {-128, 1270, 3, 0, -1, 50, 7, -90}}};
  const Constant plain = Constant::scaled(codes, {1}, 8);
  for (const Case& c : cases) {
    for (const Constant& constant :
         {Constant::scaled(codes, c.scale, c.inner), plain.rescaled(c.scale, c.inner)}) {
      CHECK(constant.dtype() == DType::f32);
      CHECK(constant.shape() == Shape{2, 2, 2});
      CHECK(constant.to_floats() == c.floats);
      const Constant view = constant.reshaped({8});
      REQUIRE(view.bytes().size() == 32);
      CHECK(view.bytes().data() == constant.bytes().data());
      CHECK(std::memcmp(view.bytes().data(), c.floats.data(), 32) == 0);
      CHECK(view.to_ints().back() == static_cast<std::int64_t>(c.floats.back()));
      REQUIRE(view.integers() != nullptr);
      CHECK(view.integers()->scale == c.scale);
      CHECK(view.integers()->codes[7] == -9);
    }
  }
  CHECK(codes.integers() == nullptr);
  CHECK_THROWS_AS(codes.rescaled({1}, 1), Error);
  CHECK_THROWS_AS(Constant::scaled(plain, {1}, 1), Error);
  CHECK_THROWS_AS(Constant::scaled(codes, {}, 1), Error);
}
