#include <refcalib/refcalib.hpp>
#include <string>

#include "tests/support/catch.hpp"

using namespace refcalib;

TEST_CASE("levels give the documented intervals", "[types]") {
  struct Case {
    int bits;
    Signedness sign;
    RangeKind kind;
    Levels expected;
  };
  const Case cases[] = {
      {8, Signedness::is_signed, RangeKind::full, {-128, 127}},
      {8, Signedness::is_signed, RangeKind::narrow, {-127, 127}},
      {8, Signedness::is_unsigned, RangeKind::full, {0, 255}},
      {8, Signedness::is_unsigned, RangeKind::narrow, {0, 254}},
      {2, Signedness::is_signed, RangeKind::full, {-2, 1}},
      {2, Signedness::is_signed, RangeKind::narrow, {-1, 1}},
      {2, Signedness::is_unsigned, RangeKind::narrow, {0, 2}},
      {4, Signedness::is_unsigned, RangeKind::full, {0, 15}},
      {16, Signedness::is_signed, RangeKind::full, {-32768, 32767}},
      {16, Signedness::is_unsigned, RangeKind::full, {0, 65535}},
  };
  for (const Case& c : cases) {
    const Levels got = levels(c.bits, c.sign, c.kind);
    CHECK(got == c.expected);
    CHECK(got.count() == c.expected.qmax - c.expected.qmin + 1);
    CHECK(got.is_signed() == (c.sign == Signedness::is_signed));
    CHECK_NOTHROW(check(got));
  }
  CHECK(kInt8 == Levels{-128, 127});
  CHECK(kInt8Narrow == Levels{-127, 127});
  CHECK(kUint8 == Levels{0, 255});
}

TEST_CASE("levels refuse other widths", "[types]") {
  for (const int bits : {-1, 0, 1, 17, 32}) {
    CHECK_THROWS_AS(levels(bits, Signedness::is_signed), std::invalid_argument);
  }
}

TEST_CASE("the version string is made of the version numbers", "[types]") {
  const std::string numbers = std::to_string(version_major) + "." + std::to_string(version_minor) + "." +
                              std::to_string(version_patch);
  CHECK(numbers == version_string);
}
