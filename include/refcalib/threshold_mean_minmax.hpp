#pragma once

#include <algorithm>
#include <refcalib/detail/image_extremes.hpp>
#include <refcalib/params.hpp>
#include <refcalib/threshold_input.hpp>
#include <vector>

namespace refcalib {

namespace detail {

/// The mean, the same for every order of the values.
inline double ordered_mean(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  double sum = 0.0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

}  // namespace detail

/// The mean over the images of the smallest and of the largest value of an image, each image's range widened
/// to zero first: one odd image counts as one of n, however far it reaches. symmetric: [-T, T] with T the
/// larger magnitude of the two means, or [0, T] for data without negative values. Does not depend on the
/// order of the images. {0, 0} without images. Throws std::invalid_argument for invalid levels, or if the
/// histogram has values and there are no images.
/// Source: the statistics "mean" of the minima and maxima in POT and NNCF.
[[nodiscard]] inline Range threshold_mean_minmax(const ThresholdInput& input, Levels levels, Scheme scheme) {
  check(levels);
  const std::vector<Range> images = detail::finite_images(input, "threshold_mean_minmax");
  std::vector<double> low;
  std::vector<double> high;
  for (const Range& image : images) {
    low.push_back(static_cast<double>(image.min));
    high.push_back(static_cast<double>(image.max));
  }
  return detail::range_of_ends(input.histogram, scheme, detail::ordered_mean(std::move(low)),
                               detail::ordered_mean(std::move(high)));
}

}  // namespace refcalib
