#include "engine/formats/ir/text.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib::engine::ir;

TEST_CASE("integers are consumed whole", "[text]") {
  CHECK(parse_integer(" 12 ", "n") == 12);
  CHECK(parse_integer("-1", "n") == -1);
  CHECK(parse_integer("+7", "n") == 7);
  CHECK(parse_integer("[3]", "n") == 3);
  for (const char* bad :
       {"", " ", "1x", "1.5", "0x10", "1 2", "--1", "+-1", "99999999999999999999", "one", "[", "[]"})
    CHECK_THROWS_AS(parse_integer(bad, "n"), FormatError);
  CHECK_THROWS_WITH(parse_integer("12abc", "attribute 'id'"),
                    refcalib_test::Contains("attribute 'id' \"12abc\" is not an integer"));
}

TEST_CASE("reals follow the C locale", "[text]") {
  CHECK(parse_real("6.", "n") == 6.0);
  CHECK(parse_real("[0.]", "n") == 0.0);
  CHECK(parse_real("1e-05", "n") == 1e-5);
  CHECK(parse_real("-inf", "n") == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(parse_real("nan", "n")));
  CHECK(parse_real("1e-999", "n") == 0.0);
  CHECK(parse_real("0.0000001e-400", "n") == 0.0);
  for (const char* bad : {"", "1,5", "1.0f", "1e999", "abc"})
    CHECK_THROWS_AS(parse_real(bad, "n"), FormatError);
}

TEST_CASE("booleans are words or numbers", "[text]") {
  for (const char* yes : {"true", "True", "TRUE", "1", "2", "-1"}) CHECK(parse_boolean(yes, "b"));
  for (const char* no : {"false", "False", "0"}) CHECK_FALSE(parse_boolean(no, "b"));
  for (const char* bad : {"", "yes", "1.0"}) CHECK_THROWS_AS(parse_boolean(bad, "b"), FormatError);
}

TEST_CASE("lists take commas, blanks and brackets", "[text]") {
  using Integers = std::vector<std::int64_t>;
  CHECK(parse_integers("1,2, 3", "l") == Integers{1, 2, 3});
  CHECK(parse_integers("[1, 2]", "l") == Integers{1, 2});
  CHECK(parse_integers("1.0,1.0", "l") == Integers{1, 1});
  CHECK(parse_integers("", "l").empty());
  CHECK(parse_integers("4 5", "l") == Integers{4, 5});
  CHECK_THROWS_AS(parse_integers("1,,2", "l"), FormatError);
  CHECK_THROWS_AS(parse_integers("1.5", "l"), FormatError);
  CHECK_THROWS_AS(parse_integers("1,x", "l"), FormatError);
  CHECK(parse_floats("-1.5, 2e3 ,0.", "l") == std::vector<float>{-1.5f, 2000.0f, 0.0f});
  CHECK_THROWS_AS(parse_floats("1;2", "l"), FormatError);
}

TEST_CASE("nine digits give every float back and look like printf's", "[text]") {
  std::uint32_t bits = 1;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 1664525u + 1013904223u;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const std::string text = format_float(value);
    char expected[32];
    std::snprintf(expected, sizeof expected, "%.9g", static_cast<double>(value));
    const float back = parse_floats(text, "f").at(0);
    if (text != expected || std::memcmp(&back, &value, sizeof value) != 0)
      FAIL(expected << " written as " << text);
  }
  const std::vector<float> values = {1, -0.5f};
  CHECK(format_floats(values) == "1, -0.5");
}
