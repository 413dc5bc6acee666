#include "engine/core/shape.h"

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

TEST_CASE("element counts are products within 2^40", "[shape]") {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  CHECK(element_count({}) == 1);
  CHECK(element_count({2, 3, 4}) == 24);
  CHECK(element_count({most}) == most);
  CHECK(element_count({0}) == 0);
  CHECK(element_count({5, 0, 3}) == 0);
  CHECK(element_count({0, most}) == 0);
  CHECK_THROWS_AS(element_count({most, 2}), FormatError);
  CHECK_THROWS_AS(element_count({2, -1}), FormatError);
  CHECK_THROWS_AS(element_count({0, -1}), FormatError);
}

TEST_CASE("a zero hides no dimensions whose product leaves the limit", "[shape]") {
  constexpr std::int64_t large = std::int64_t{1} << 30;
  CHECK_THROWS_AS(element_count({0, large, large}), FormatError);
  CHECK_THROWS_AS(element_count({large, 0, large}), FormatError);
  CHECK_THROWS_AS(element_count({large, large, 0}), FormatError);
  CHECK_THROWS_AS(element_count({0, std::int64_t{1} << 62}), FormatError);
}
