#include "engine/graph/quantization.h"

#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

TEST_CASE("activation limits give scale and zero point", "[quantization]") {
  struct Case {
    QuantizationRange range;
    std::int32_t levels;
    float scale;
    std::int32_t zero_point;
  };
  const Case cases[] = {
      {{0.0f, 255.0f}, 256, 1.0f, 0},
      {{-128.0f, 127.0f}, 256, 1.0f, 128},
      {{-1.0f, 1.0f}, 256, 2.0f / 255.0f, 127},
      {{-25.5f, 229.5f}, 256, 1.0f, 26},  // -low / scale = 25.5: half to even
      {{-24.5f, 230.5f}, 256, 1.0f, 24},
      {{0.0f, 254.0f}, 255, 1.0f, 0},
      {{0.0f, 0.0f}, 256, 1.0f, 0},
      {{5.0f, 260.0f}, 256, 1.0f, 0},  // zero lies below the range: the nearest integer
      {{-300.0f, -45.0f}, 256, 1.0f, 255},
  };
  for (const Case& c : cases) {
    CAPTURE(c.range.low, c.range.high, c.levels);
    const Quantization q = activation_quantization({c.range}, c.levels);
    REQUIRE(q.scale.size() == 1);
    CHECK(q.scale[0] == c.scale);
    CHECK(q.zero_point == c.zero_point);
    CHECK(q.qmin == 0);
    CHECK(q.qmax == c.levels - 1);
  }
}

TEST_CASE("channels share one zero point; channels without extent take part", "[quantization]") {
  const Quantization q = activation_quantization({{-1.28f, 1.27f}, {0, 0}, {-2.56f, 2.54f}}, 256);
  CHECK(q.per_channel());
  CHECK(q.zero_point == 128);
  CHECK(q.scale[1] == 1.0f);
  CHECK_THROWS_AS(activation_quantization({{-1, 1}, {0, 1}}, 256), UsageError);
}

TEST_CASE("weight limits give symmetric scales", "[quantization]") {
  const Quantization q = weight_quantization({{-127.0f, 127.0f}, {0, 0}, {-1.0f, 1.0f}}, 255);
  CHECK(q.scale == std::vector<float>{1.0f, 1.0f, 1.0f / 127.0f});
  CHECK(q.zero_point == 0);
  CHECK(q.qmin == -127);
  CHECK(q.qmax == 127);
  const Quantization full = weight_quantization({{-128.0f, 128.0f}}, 256);
  CHECK(full.scale[0] == 1.0f);
  CHECK(full.qmin == -128);
  CHECK(full.qmax == 127);
  CHECK(weight_quantization({{-7, 7}}, 15).qmax == 7);
}

TEST_CASE("limits that cannot be executed are refused", "[quantization]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(activation_quantization({}, 256), UsageError);
  CHECK_THROWS_AS(activation_quantization({{0, 1}}, 1), UsageError);
  CHECK_THROWS_AS(activation_quantization({{0, 1}}, 257), UsageError);
  CHECK_THROWS_AS(activation_quantization({{1, 0}}, 256), UsageError);
  CHECK_THROWS_AS(activation_quantization({{nan, 0}}, 256), UsageError);
  CHECK_THROWS_AS(weight_quantization({{-1, infinity}}, 255), UsageError);
  // A range whose extent overflows cannot scale anything.
  const float huge = std::numeric_limits<float>::max();
  CHECK(activation_quantization({{-huge, huge}}, 256).scale[0] == 1.0f);
}
