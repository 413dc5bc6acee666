#pragma once

// Targets that add pairs of u8 * s8 products into saturating 16 bits (vpmaddubsw without VNNI): 2 * 255 * 127 does not fit, so weights get
// 7 bits there. The engine of this project needs none of it: it never saturates.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/types.hpp>
#include <span>

namespace refcalib {

/// Weights of 7 bits, narrow: [-63, 63]; 2 * 255 * 63 = 32130 fits into 16 bits.
inline constexpr Levels kInt7Narrow{-63, 63};

/// True if some pair sum of the row can leave 16 bits: with activations in [0, largest] the extremes of x0 * w0 + x1 * w1 are reached
/// where activations are 0 or `largest`. Pairs are neighbours (0 and 1, 2 and 3 …), as the instruction takes them.
[[nodiscard]] inline bool pairs_can_saturate(std::span<const std::int8_t> row, std::int32_t largest = 255) {
  constexpr std::int32_t low = std::numeric_limits<std::int16_t>::min(),
                         high = std::numeric_limits<std::int16_t>::max();
  for (std::size_t k = 0; k < row.size(); k += 2) {
    const std::int32_t a = row[k], b = k + 1 < row.size() ? row[k + 1] : 0;
    const std::int32_t positive = (a > 0 ? a : 0) + (b > 0 ? b : 0),
                       negative = (a < 0 ? a : 0) + (b < 0 ? b : 0);
    if (largest * positive > high || largest * negative < low) return true;
  }
  return false;
}

}  // namespace refcalib
