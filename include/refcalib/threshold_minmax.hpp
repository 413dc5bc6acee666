#pragma once

#include <refcalib/detail/density.hpp>
#include <refcalib/params.hpp>

namespace refcalib {

/// The range of all finite values, widened to zero; symmetric: [-T, T] with T the largest magnitude, or [0,
/// T] for data without negative values. {0, 0} for an empty or all-zero histogram. Throws
/// std::invalid_argument for invalid levels.
[[nodiscard]] inline Range threshold_minmax(const Histogram& histogram, Levels levels, Scheme scheme) {
  check(levels);
  if (scheme == Scheme::asymmetric) return widen_to_zero(histogram.range());
  return detail::symmetric_range(histogram, detail::largest_magnitude(histogram));
}

}  // namespace refcalib
