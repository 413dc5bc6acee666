#pragma once

#include <string>

// One include for Catch2 v2 (single header) and v3 (library).
#ifdef REFCALIB_CATCH_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

/// Catch2 v3 moved Approx into its namespace and renamed the matcher for parts of a text; tests write refcalib_test::Approx and
/// refcalib_test::Contains.
namespace refcalib_test {
#ifdef REFCALIB_CATCH_V3
using Catch::Approx;
inline auto Contains(const std::string& part) {
  return Catch::Matchers::ContainsSubstring(part);
}
#else
using ::Approx;
inline auto Contains(const std::string& part) {
  return Catch::Matchers::Contains(part);
}
#endif
}  // namespace refcalib_test
