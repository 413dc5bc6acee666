#pragma once

#include <algorithm>
#include <refcalib/detail/rounding_error.hpp>
#include <refcalib/histogram.hpp>
#include <refcalib/params.hpp>

namespace refcalib {

/// The squared error that quantizing the values of a histogram with these parameters would make, summed over
/// all values, clipping included; every value is taken to lie anywhere in its bin with equal probability.
/// Exact zeros cost nothing. 0 for an empty histogram. Throws std::invalid_argument for invalid parameters.
[[nodiscard]] inline double quantization_noise(const Histogram& histogram, const QuantParams& params) {
  check(params);
  const double width = histogram.bin_width();
  const double step = static_cast<double>(params.scale) / width;
  const double bins =
      detail::RoundingError(histogram.positive())(step, params.levels.qmax - params.zero_point) +
      detail::RoundingError(histogram.negative())(step, params.zero_point - params.levels.qmin);
  return bins * width * width;
}

/// Symmetric parameters whose scale is a power of two: of the two powers on either side of the scale that
/// choose_symmetric gives for `range` the one with the smaller quantization_noise, of equal ones the larger.
/// Throws std::invalid_argument for an invalid range or levels.
[[nodiscard]] inline QuantParams choose_power_of_two(Range range, Levels levels, const Histogram& histogram) {
  const QuantParams wide = choose_power_of_two(range, levels, PowerOfTwoRounding::cover);
  QuantParams narrow = wide;
  narrow.scale = std::max(wide.scale * 0.5F, kMinScale);
  return quantization_noise(histogram, narrow) < quantization_noise(histogram, wide) ? narrow : wide;
}

}  // namespace refcalib
