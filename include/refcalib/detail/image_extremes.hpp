#pragma once

#include <algorithm>
#include <cmath>
#include <refcalib/detail/density.hpp>
#include <refcalib/params.hpp>
#include <refcalib/threshold_input.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace refcalib::detail {

/// The ranges of the images that had a finite value, in their order, each widened to zero. Throws
/// std::invalid_argument that names `method` if there is no image but the histogram has seen values.
inline std::vector<Range> finite_images(const ThresholdInput& input, const std::string& method) {
  std::vector<Range> images;
  for (const Range& image : input.images.tensor)
    if (std::isfinite(image.min) && std::isfinite(image.max) && image.min <= image.max)
      images.push_back(widen_to_zero(image));
  if (images.empty() && input.histogram.count() > 0)
    throw std::invalid_argument(method + ": needs the extremes of every image (ImageExtremes::tensor)");
  return images;
}

/// The range [low, high], low <= 0 <= high, under a scheme.
inline Range range_of_ends(const Histogram& histogram, Scheme scheme, double low, double high) {
  if (scheme == Scheme::symmetric) return symmetric_range(histogram, std::max(-low, high));
  return {static_cast<float>(low) + 0.0F, static_cast<float>(high) + 0.0F};
}

}  // namespace refcalib::detail
