#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <refcalib/types.hpp>
#include <stdexcept>

namespace refcalib {

/// The affine map between integers and reals: real = scale * (q - zero_point), levels.qmin <= q <=
/// levels.qmax. Real zero is always exactly representable, by q = zero_point.
struct QuantParams {
  float scale;
  std::int32_t zero_point;
  Levels levels;
  friend constexpr bool operator==(const QuantParams&, const QuantParams&) = default;
};

/// No function of this library chooses a smaller scale, so that 1/scale is finite (2^126).
inline constexpr float kMinScale = std::numeric_limits<float>::min();

// The checks are called from span forms compiled for several instruction sets. Being no templates on the
// architecture they are always inlined, lest the linker keep one copy, built for a stronger processor, for
// all.

/// Throws std::invalid_argument unless qmin <= 0 < qmax and the levels fit 16 bits (signed or unsigned).
[[gnu::always_inline]] constexpr void check(const Levels& levels) {
  const bool fits = levels.qmin < 0 ? levels.qmin >= -32768 && levels.qmax <= 32767 : levels.qmax <= 65535;
  if (levels.qmin > 0 || levels.qmax <= 0 || !fits) {
    throw std::invalid_argument("Levels: need qmin <= 0 < qmax within 16 bits");
  }
}

/// Throws std::invalid_argument unless both ends are finite and min <= max.
inline void check(const Range& range) {
  if (!std::isfinite(range.min) || !std::isfinite(range.max) || range.min > range.max) {
    throw std::invalid_argument("Range: need finite min <= max");
  }
}

/// Throws std::invalid_argument unless the levels are valid, scale is finite and at least kMinScale, and
/// zero_point is one of the levels.
[[gnu::always_inline]] inline void check(const QuantParams& params) {
  check(params.levels);
  if (!std::isfinite(params.scale) || params.scale < kMinScale) {
    throw std::invalid_argument("QuantParams: scale must be finite and at least the smallest normal float");
  }
  if (params.zero_point < params.levels.qmin || params.zero_point > params.levels.qmax) {
    throw std::invalid_argument("QuantParams: zero_point must be one of the levels");
  }
}

/// The smallest range that contains both the argument and zero.
[[nodiscard]] constexpr Range widen_to_zero(const Range& range) {
  return {std::min(range.min, 0.0F), std::max(range.max, 0.0F)};
}

/// The code of real zero under the symmetric scheme: 0 for signed levels and for data without negative
/// values, (qmax + 1) / 2 for unsigned levels with negative data (128 for [0, 255], 127 for [0, 254]).
[[nodiscard]] constexpr std::int32_t symmetric_zero_point(const Levels& levels, bool has_negative) {
  return levels.is_signed() || !has_negative ? 0 : (levels.qmax + 1) / 2;
}

namespace detail {

/// Rounds a positive scale to float; never below kMinScale, never above the largest float.
inline float to_scale(double scale) {
  const double largest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(scale, static_cast<double>(kMinScale), largest));
}

/// Largest |q - zero_point| reachable on both sides; on the positive one alone when there is no negative
/// data.
inline std::int32_t symmetric_steps(const Levels& levels, std::int32_t zero_point, bool has_negative) {
  const std::int32_t above = levels.qmax - zero_point;
  return has_negative ? std::min(above, zero_point - levels.qmin) : above;
}

}  // namespace detail

/// Symmetric parameters: scale = max(|min|, |max|) / steps, where steps is the largest code distance from
/// zero on both sides (127 for INT8, full or narrow; 255 for [0, 255] and non-negative data; 127 for [0, 255]
/// with zero point 128). The representable range covers the argument up to the rounding of scale to float
/// (relative 2^-24). An all-zero range gives scale 1; scales below kMinScale are raised to it. Throws
/// std::invalid_argument for an invalid range or levels. Source: NNCF symmetric quantization, TensorFlow Lite
/// quantization specification.
[[nodiscard]] inline QuantParams choose_symmetric(Range range, Levels levels) {
  check(range);
  check(levels);
  const bool has_negative = range.min < 0.0F;
  const std::int32_t zero_point = symmetric_zero_point(levels, has_negative);
  const double reach = std::max(-static_cast<double>(range.min), static_cast<double>(range.max));
  if (reach <= 0.0) return {1.0F, zero_point, levels};
  const std::int32_t steps = detail::symmetric_steps(levels, zero_point, has_negative);
  return {detail::to_scale(reach / steps), zero_point, levels};
}

/// Asymmetric parameters: the range is widened to contain zero, the zero point is an integer (so zero is
/// exact), and among the zero points on either side of the ideal one the smallest scale that still covers the
/// range is taken. The range is therefore never shrunk, with one exception: an end that lies within half a
/// step of zero is dropped, since its values round to zero anyway. The range grows by less than one step. An
/// all-zero range gives scale 1 and zero point 0; scales below kMinScale are raised to it. Throws
/// std::invalid_argument for an invalid range or levels. Source: the range tuning of NNCF, with the zero
/// point searched on both sides instead of rounded.
[[nodiscard]] inline QuantParams choose_asymmetric(Range range, Levels levels) {
  check(range);
  check(levels);
  const Range wide = widen_to_zero(range);
  const double below = -static_cast<double>(wide.min);
  const double above = wide.max;
  if (below <= 0.0 && above <= 0.0) return {1.0F, 0, levels};
  const double steps = levels.qmax - levels.qmin;
  if (below <= 0.5 * above / steps) return {detail::to_scale(above / steps), levels.qmin, levels};
  if (above <= 0.5 * below / steps) return {detail::to_scale(below / steps), levels.qmax, levels};

  const double ideal = below * steps / (below + above);
  double best_scale = std::numeric_limits<double>::infinity();
  double best_offset = 0.0;
  for (const double candidate : {std::floor(ideal), std::floor(ideal) + 1.0}) {
    const double offset = std::clamp(candidate, 1.0, steps - 1.0);
    const double scale = std::max(below / offset, above / (steps - offset));
    if (scale < best_scale) {
      best_scale = scale;
      best_offset = offset;
    }
  }
  return {detail::to_scale(best_scale), levels.qmin + static_cast<std::int32_t>(best_offset), levels};
}

/// How choose_power_of_two turns a scale into a power of two.
enum class PowerOfTwoRounding {
  cover,   ///< up: the range is never clipped, the step is at most twice the ideal one
  nearest  ///< to the nearest in the logarithm: the step is within sqrt(2) of the ideal one, values may be
           ///< clipped
};

/// Symmetric parameters with scale = 2^k, -126 <= k <= 127, for integer-only targets that rescale by
/// shifting. Zero point and steps are those of choose_symmetric; an all-zero range gives scale 1. Throws
/// std::invalid_argument for an invalid range or levels.
[[nodiscard]] inline QuantParams choose_power_of_two(
    Range range, Levels levels, PowerOfTwoRounding rounding = PowerOfTwoRounding::cover) {
  check(range);
  check(levels);
  const bool has_negative = range.min < 0.0F;
  const std::int32_t zero_point = symmetric_zero_point(levels, has_negative);
  const double reach = std::max(-static_cast<double>(range.min), static_cast<double>(range.max));
  if (reach <= 0.0) return {1.0F, zero_point, levels};
  int exponent = 0;
  const double ideal = reach / detail::symmetric_steps(levels, zero_point, has_negative);
  const double mantissa = std::frexp(ideal, &exponent);  // ideal = mantissa * 2^exponent, 0.5 <= mantissa < 1
  constexpr double kSqrtHalf = 0.70710678118654752440;
  const bool down = rounding == PowerOfTwoRounding::cover ? mantissa <= 0.5 : mantissa < kSqrtHalf;
  exponent = std::clamp(down ? exponent - 1 : exponent, -126, 127);
  return {std::ldexp(1.0F, exponent), zero_point, levels};
}

/// The reals of the lowest and the highest level: [scale * (qmin - zero_point), scale * (qmax - zero_point)],
/// each a product rounded once to float. Inputs outside saturate.
[[nodiscard]] inline Range representable_range(const QuantParams& params) {
  return {params.scale * static_cast<float>(params.levels.qmin - params.zero_point),
          params.scale * static_cast<float>(params.levels.qmax - params.zero_point)};
}

}  // namespace refcalib
