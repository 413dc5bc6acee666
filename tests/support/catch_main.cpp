// Catch2 v2 needs one translation unit with its main function; v3 brings its own.
#ifndef REFCALIB_CATCH_V3
#define CATCH_CONFIG_MAIN
#endif
#include "tests/support/catch.hpp"
