#pragma once

#include <refcalib/histogram.hpp>
#include <refcalib/types.hpp>
#include <span>

namespace refcalib {

/// Extremes of a tensor in every single image (sample), for the methods that look at images and not at
/// values. A range is {min, max} of the finite values of one image; one with min > max (nothing was finite)
/// is skipped. Views: the caller keeps the memory.
struct ImageExtremes {
  /// One range an image. The order matters to threshold_moving_average alone.
  std::span<const Range> tensor{};
  /// [image][channel], tensor.size() * channels ranges; empty if they were not kept.
  std::span<const Range> by_channel{};
};

/// All that a threshold search may look at.
struct ThresholdInput {
  /// From a histogram alone: enough for every method whose row says ThresholdNeeds::histogram.
  // NOLINTNEXTLINE(google-explicit-constructor): a histogram is the usual input
  ThresholdInput(const Histogram& h, ImageExtremes extremes = {}) : histogram(h), images(extremes) {}

  const Histogram& histogram;
  ImageExtremes images;
};

/// What a method reads besides the histogram.
enum class ThresholdNeeds {
  histogram,       ///< nothing
  image_extremes,  ///< ImageExtremes::tensor
  /// ImageExtremes::by_channel; without it ImageExtremes::tensor stands in, as one channel.
  channel_extremes
};

}  // namespace refcalib
