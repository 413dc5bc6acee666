#include "apps/refcalib/text.h"

#include <limits>

#include "tests/support/catch.hpp"

using namespace refcalib::app;

TEST_CASE("numbers in words", "[text]") {
  CHECK(fixed(1.005, 1) == "1.0");
  CHECK(fixed(-0.25, 3) == "-0.250");
  CHECK(fixed(std::numeric_limits<double>::infinity(), 1) == "inf");
  CHECK(fixed(1e300, 2).find("e+300") != std::string::npos);
  CHECK(significant(0.00012345678, 3) == "0.000123");
  CHECK(counted(1, "image") == "1 image");
  CHECK(counted(0, "image") == "0 images");
  CHECK(megabytes(123456789) == "123 MB");
}

TEST_CASE("times in words", "[text]") {
  CHECK(duration(0.0123) == "12 ms");
  CHECK(duration(1) == "1.0 s");
  CHECK(duration(99.9) == "99.9 s");
  CHECK(duration(99.97) == "1 min 40 s");
  CHECK(duration(125) == "2 min 05 s");
}

TEST_CASE("tables are aligned", "[text]") {
  Table table;
  table.header = {"layer", "kind", "ms"};
  table.left = {1};
  table.rows = {{"a", "conv", "1.5"}, {"longer", "x"}, {"b", "y", "100.25"}};
  CHECK(table.text() ==
        "layer   kind      ms\n"
        "a       conv     1.5\n"
        "longer  x\n"
        "b       y     100.25\n");
}

TEST_CASE("CSV quotes what needs it", "[text]") {
  Table table;
  table.header = {"a", "b"};
  table.rows = {{"1,5", "say \"x\""}, {"plain", ""}};
  CHECK(table.csv() == "a,b\n\"1,5\",\"say \"\"x\"\"\"\nplain,\n");
  table.rows.front().front() = "a|b";
  CHECK(table.markdown() == "| a | b |\n| --- | --- |\n| a\\|b | say \"x\" |\n| plain |  |\n");
}
