#include <cmath>
#include <limits>
#include <random>
#include <refcalib/params.hpp>
#include <refcalib/quantize.hpp>

#include "tests/support/catch.hpp"
#include "tests/toolkit/test_data.h"

using namespace refcalib;
using refcalib_test::Approx;
using refcalib_test::kAllLevels;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kHuge = std::numeric_limits<float>::max();

/// Ranges of every kind: two-sided, one-sided, lopsided, not containing zero, tiny and huge.
std::vector<Range> many_ranges() {
  std::vector<Range> ranges{{-1, 1},           {0, 6},           {-6, 0},         {-0.001F, 5},
                            {-5, 0.001F},      {2, 3},           {-3, -2},        {-1e-20F, 1},
                            {-1, 1e-20F},      {1e-38F, 2e-38F}, {-kHuge, kHuge}, {0, kHuge},
                            {-1e-40F, 1e-40F}, {-1.49F / 255, 1}};
  std::mt19937 engine(3);
  std::uniform_real_distribution<float> uniform(-10.0F, 10.0F);
  for (int i = 0; i < 200; ++i) {
    const float a = uniform(engine);
    const float b = uniform(engine);
    ranges.push_back({std::min(a, b), std::max(a, b)});
  }
  return ranges;
}

}  // namespace

TEST_CASE("symmetric parameters of known cases", "[params]") {
  struct Case {
    Range range;
    Levels levels;
    float scale;
    std::int32_t zero_point;
  };
  const Case cases[] = {
      {{-1.27F, 0.5F}, kInt8, 1.27F / 127, 0},
      {{-1.27F, 0.5F}, kInt8Narrow, 1.27F / 127, 0},
      {{0, 2.55F}, kUint8, 2.55F / 255, 0},
      {{-1, 1.27F}, kUint8, 1.27F / 127, 128},
      {{-1, 1.27F}, {0, 254}, 1.27F / 127, 127},
      {{0, 1.27F}, kInt8, 1.27F / 127, 0},
      {{0, 0}, kUint8, 1.0F, 0},
      {{0, 0}, kInt8, 1.0F, 0},
      {{-0.0F, 0.0F}, kInt8, 1.0F, 0},
      {{2, 2.55F}, kUint8, 2.55F / 255, 0},
  };
  for (const Case& c : cases) {
    const QuantParams p = choose_symmetric(c.range, c.levels);
    CHECK(p.scale == Approx(c.scale).epsilon(1e-6));
    CHECK(p.zero_point == c.zero_point);
    CHECK(p.levels == c.levels);
  }
}

TEST_CASE("every chosen scheme is valid, has an exact zero and covers its range", "[params]") {
  for (const Range& range : many_ranges()) {
    for (const Levels& levels : kAllLevels) {
      for (const bool symmetric : {true, false}) {
        const QuantParams p = symmetric ? choose_symmetric(range, levels) : choose_asymmetric(range, levels);
        INFO("range " << range.min << " " << range.max << " levels " << levels.qmin << " " << levels.qmax
                      << " symmetric " << symmetric);
        REQUIRE_NOTHROW(check(p));
        REQUIRE(std::isfinite(1.0F / p.scale));
        REQUIRE(fake_quantize(0.0F, p) == 0.0F);
        const double low = static_cast<double>(p.scale) * (levels.qmin - p.zero_point);
        const double high = static_cast<double>(p.scale) * (levels.qmax - p.zero_point);
        // Half a step may be missing where an end was dropped; the rest is the rounding of the scale.
        const double slack = (symmetric ? 0.0 : 0.5 * p.scale) + 1e-7 * (high - low);
        REQUIRE(low <= range.min + slack);
        REQUIRE(high >= range.max - slack);
      }
    }
  }
}

TEST_CASE("asymmetric parameters waste less than a step", "[params]") {
  for (const Range& range : many_ranges()) {
    const Range wide = widen_to_zero(range);
    const double length = static_cast<double>(wide.max) - wide.min;
    if (length < 1e-30) continue;  // scales at the floor waste more by design
    const QuantParams p = choose_asymmetric(range, kUint8);
    INFO("range " << range.min << " " << range.max);
    CHECK(static_cast<double>(p.scale) * 255 <= length + p.scale * 1.001);
  }
}

TEST_CASE("asymmetric parameters of known cases", "[params]") {
  const QuantParams one_sided = choose_asymmetric({0, 6}, kUint8);
  CHECK(one_sided.zero_point == 0);
  CHECK(one_sided.scale == Approx(6.0F / 255));
  const QuantParams all_negative = choose_asymmetric({-6, -2}, kUint8);
  CHECK(all_negative.zero_point == 255);
  CHECK(all_negative.scale == Approx(6.0F / 255));
  const QuantParams signed_levels = choose_asymmetric({-1, 3}, kInt8);
  CHECK(signed_levels.zero_point == -64);
  const QuantParams empty = choose_asymmetric({0, 0}, kInt8);
  CHECK(empty == QuantParams{1.0F, 0, kInt8});
  // A range that is already on the grid keeps its zero point and scale.
  const QuantParams on_grid = choose_asymmetric({-0.1F * 77, 0.1F * 178}, kUint8);
  CHECK(on_grid.zero_point == 77);
  CHECK(on_grid.scale == Approx(0.1F));
  // An end within half a step of zero is dropped rather than given a level of its own.
  CHECK(choose_asymmetric({-0.4F / 255, 1}, kUint8).zero_point == 0);
  CHECK(choose_asymmetric({-0.6F / 255, 1}, kUint8).zero_point == 1);
}

TEST_CASE("power-of-two scales", "[params]") {
  for (const Range& range : many_ranges()) {
    for (const Levels& levels : {kInt8, kUint8, kInt8Narrow}) {
      const QuantParams exact = choose_symmetric(range, levels);
      const QuantParams cover = choose_power_of_two(range, levels);
      const QuantParams nearest = choose_power_of_two(range, levels, PowerOfTwoRounding::nearest);
      int exponent = 0;
      CHECK(std::frexp(cover.scale, &exponent) == 0.5F);
      CHECK(std::frexp(nearest.scale, &exponent) == 0.5F);
      CHECK(cover.zero_point == exact.zero_point);
      if (exact.scale <= kMinScale || exact.scale > std::ldexp(1.0F, 127)) continue;
      const double ratio = static_cast<double>(cover.scale) / exact.scale;
      CHECK(ratio >= 1.0 - 1e-7);
      CHECK(ratio < 2.0);
      const double near_ratio = static_cast<double>(nearest.scale) / exact.scale;
      CHECK(near_ratio >= std::sqrt(0.5) - 1e-6);
      CHECK(near_ratio <= std::sqrt(2.0) + 1e-6);
    }
  }
  CHECK(choose_power_of_two({-1, 127.0F / 128}, kInt8).scale == 1.0F / 64);  // 1/127 rounds up
  CHECK(choose_power_of_two({0, 255}, kUint8).scale == 1.0F);                // exactly a power of two stays
  CHECK(choose_power_of_two({0, 0}, kUint8).scale == 1.0F);
  CHECK(choose_power_of_two({0, 300}, kUint8, PowerOfTwoRounding::nearest).scale == 1.0F);
  CHECK(choose_power_of_two({0, 400}, kUint8, PowerOfTwoRounding::nearest).scale == 2.0F);
}

TEST_CASE("the representable range runs from the lowest to the highest level", "[params]") {
  const Range r = representable_range({0.5F, 10, kUint8});
  CHECK(r == Range{-5.0F, 122.5F});
  CHECK(widen_to_zero({2, 3}) == Range{0, 3});
  CHECK(widen_to_zero({-3, -2}) == Range{-3, 0});
}

TEST_CASE("invalid arguments are refused", "[params]") {
  for (const Range& bad : {Range{1, -1}, Range{-kInf, 0}, Range{0, kInf}, Range{kNan, 0}, Range{0, kNan}}) {
    CHECK_THROWS_AS(choose_symmetric(bad, kInt8), std::invalid_argument);
    CHECK_THROWS_AS(choose_asymmetric(bad, kInt8), std::invalid_argument);
    CHECK_THROWS_AS(choose_power_of_two(bad, kInt8), std::invalid_argument);
  }
  for (const Levels& bad :
       {Levels{1, 5}, Levels{-5, 0}, Levels{3, 2}, Levels{0, 65536}, Levels{-1, 32768}, Levels{-32769, 1}}) {
    CHECK_THROWS_AS(choose_symmetric({-1, 1}, bad), std::invalid_argument);
    CHECK_THROWS_AS(choose_asymmetric({-1, 1}, bad), std::invalid_argument);
    CHECK_THROWS_AS(choose_power_of_two({-1, 1}, bad), std::invalid_argument);
  }
  for (const QuantParams& bad :
       {QuantParams{0, 0, kInt8}, QuantParams{-1, 0, kInt8}, QuantParams{kNan, 0, kInt8},
        QuantParams{kInf, 0, kInt8}, QuantParams{1e-40F, 0, kInt8}, QuantParams{1, 128, kInt8},
        QuantParams{1, -1, kUint8}}) {
    CHECK_THROWS_AS(check(bad), std::invalid_argument);
  }
}
