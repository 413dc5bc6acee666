#pragma once

#include <cstdint>

#include "engine/kernels/layout/layout.h"

namespace refcalib::engine::kernels {

/// Pixels of one unit of work: a multiple of every vector length, and few enough that the tiles of 64
/// channels stay in the L1 cache.
inline constexpr std::int64_t layout_pixel_block = 64;

/// A run of pixels of one batch element.
struct LayoutUnit {
  std::int64_t n;
  std::int64_t first_pixel, last_pixel;
};

/// Compiled once for the baseline instruction set, so that kernel files leave no copy of their own.
LayoutUnit layout_unit(const LayoutArgs& args, std::int64_t unit) noexcept;

}  // namespace refcalib::engine::kernels
