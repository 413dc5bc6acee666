#pragma once

// One include for Catch2 v2 (single header) and v3 (library).
#ifdef REFCALIB_CATCH_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

/// Catch2 v3 moved Approx into its namespace; tests write refcalib_test::Approx.
namespace refcalib_test {
#ifdef REFCALIB_CATCH_V3
using Catch::Approx;
#else
using ::Approx;
#endif
}  // namespace refcalib_test
