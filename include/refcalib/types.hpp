#pragma once

#include <cstdint>
#include <stdexcept>

namespace refcalib {

/// Whether integers are stored with a sign.
enum class Signedness { is_signed, is_unsigned };

/// full uses every code of the type; narrow gives one up: signed loses -2^(bits-1), so that the levels are
/// symmetric about zero and a product of two INT8 weights is bounded by 127*127; unsigned loses 2^bits - 1.
enum class RangeKind { full, narrow };

/// symmetric: zero sits at a fixed code, the range is [-T, T] (or [0, T] for data without negative values).
/// asymmetric: the zero point is free, the range is any interval that contains zero.
enum class Scheme { symmetric, asymmetric };

/// The integers that a quantized value may take: qmin <= q <= qmax, qmin <= 0 < qmax.
struct Levels {
  std::int32_t qmin;
  std::int32_t qmax;

  /// Number of representable integers.
  [[nodiscard]] constexpr std::int32_t count() const { return qmax - qmin + 1; }
  [[nodiscard]] constexpr bool is_signed() const { return qmin < 0; }
  friend constexpr bool operator==(const Levels&, const Levels&) = default;
};

/// A real interval, min <= max. Functions that choose parameters first widen it to contain zero.
struct Range {
  float min;
  float max;
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

/// Levels of a `bits`-bit integer, 2 <= bits <= 16.
///   signed full [-2^(b-1), 2^(b-1)-1]   signed narrow [-2^(b-1)+1, 2^(b-1)-1]
///   unsigned full [0, 2^b-1]            unsigned narrow [0, 2^b-2]
/// Throws std::invalid_argument for other widths.
[[nodiscard]] constexpr Levels levels(int bits, Signedness signedness, RangeKind kind = RangeKind::full) {
  if (bits < 2 || bits > 16) throw std::invalid_argument("levels: bits must be 2 to 16");
  const std::int32_t narrow = kind == RangeKind::narrow ? 1 : 0;
  if (signedness == Signedness::is_signed) {
    const std::int32_t half = std::int32_t{1} << (bits - 1);
    return {-half + narrow, half - 1};
  }
  return {0, (std::int32_t{1} << bits) - 1 - narrow};
}

/// The levels used most: activations and weights of the engine.
inline constexpr Levels kInt8 = levels(8, Signedness::is_signed);
inline constexpr Levels kInt8Narrow = levels(8, Signedness::is_signed, RangeKind::narrow);
inline constexpr Levels kUint8 = levels(8, Signedness::is_unsigned);

}  // namespace refcalib
