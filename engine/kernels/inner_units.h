#pragma once

#include <cstdint>

/// How work over [outer][n][inner] is cut: blocks of neighbouring vectors, one vector where inner is 1.
namespace refcalib::engine::kernels {

/// The columns [first, last) of one outer index.
struct InnerUnit {
  std::int64_t outer, first, last;
};

/// Number of units over `outer` and `inner`.
std::int64_t inner_units(std::int64_t outer, std::int64_t inner) noexcept;

/// The unit number `unit`. Compiled once for the baseline instruction set, so that kernel files leave no copy
/// of their own.
InnerUnit inner_unit(std::int64_t inner, std::int64_t unit) noexcept;

}  // namespace refcalib::engine::kernels
