#include "apps/refcalib/json.h"

#include <limits>

#include "tests/support/catch.hpp"

using namespace refcalib::app;

TEST_CASE("JSON texts are escaped", "[json]") {
  CHECK(json_string("a\"b\\c\n\x01/\xC3\xA4") == "\"a\\\"b\\\\c\\u000a\\u0001/\xC3\xA4\"");
}

TEST_CASE("JSON has no numbers that are not finite", "[json]") {
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(1e-7) == "1e-07");
  CHECK(json_number(std::numeric_limits<double>::infinity()) == "null");
  CHECK(json_number(std::numeric_limits<double>::quiet_NaN()) == "null");
}

TEST_CASE("objects keep the order of their members", "[json]") {
  JsonObject inner;
  inner.add("x", 1);
  JsonObject object;
  object.add("name", "m")
      .add("n", std::size_t{3})
      .add("ms", 1.5)
      .add("layers", std::vector<JsonObject>{inner, inner});
  object.add("none", std::vector<JsonObject>{});
  CHECK(object.text() ==
        "{\"name\": \"m\",\n \"n\": 3,\n \"ms\": 1.5,\n \"layers\": [{\"x\": 1},\n  {\"x\": 1}],\n \"none\": "
        "[]}");
}
