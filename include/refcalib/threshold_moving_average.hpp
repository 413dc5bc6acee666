#pragma once

#include <refcalib/detail/image_extremes.hpp>
#include <refcalib/params.hpp>
#include <refcalib/threshold_input.hpp>
#include <stdexcept>
#include <vector>

namespace refcalib {

struct MovingAverageOptions {
  /// How far each further image moves the average towards its own extremes: above 0, at most 1.
  double constant = 0.01;
};

/// The moving averages of the smallest and of the largest value of an image: the first image's, and then
/// average += constant * (extreme - average) for every further one, in the order in which they are given.
/// Each image's range is widened to zero first. symmetric: [-T, T] with T the larger magnitude, or [0, T] for
/// data without negative values. It is the one method that depends on an order: for results that do not
/// depend on batches, shards and threads, give the images in an order of their own (of their hashes).
/// {0, 0} without images. Throws std::invalid_argument for invalid levels or options, or if the histogram has
/// values and there are no images.
/// Source: MovingAverageMinMaxObserver of PyTorch and moving_average of ONNX Runtime, whose constant is 0.01
/// too.
[[nodiscard]] inline Range threshold_moving_average(const ThresholdInput& input, Levels levels, Scheme scheme,
                                                    const MovingAverageOptions& options = {}) {
  check(levels);
  if (!(options.constant > 0.0 && options.constant <= 1.0))
    throw std::invalid_argument("threshold_moving_average: constant must be above 0 and at most 1");
  double low = 0.0;
  double high = 0.0;
  double weight = 1.0;
  for (const Range& image : detail::finite_images(input, "threshold_moving_average")) {
    low += weight * (static_cast<double>(image.min) - low);
    high += weight * (static_cast<double>(image.max) - high);
    weight = options.constant;
  }
  return detail::range_of_ends(input.histogram, scheme, low, high);
}

}  // namespace refcalib
