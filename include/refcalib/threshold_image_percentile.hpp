#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <refcalib/detail/image_extremes.hpp>
#include <refcalib/params.hpp>
#include <refcalib/threshold_input.hpp>
#include <stdexcept>
#include <vector>

namespace refcalib {

struct ImagePercentileOptions {
  /// Share of the images whose extremes are kept: above 0, at most 100. The 2019 tool tried 100 to 95 in
  /// steps of 0.5 (image_percentile_candidates).
  double percent = 99.5;
  /// Interpolate between images. Otherwise, as in the 2019 tool, whole images are dropped: of fewer than 200
  /// images its first step, 99.5, drops one.
  bool interpolate = true;
};

/// The percentages that the calibration tool of 2019 tried: 100, 99.5, ..., 95.
[[nodiscard]] inline std::vector<double> image_percentile_candidates(double from = 100.0, double to = 95.0,
                                                                     double step = 0.5) {
  std::vector<double> percents;
  if (!(step > 0.0)) throw std::invalid_argument("image_percentile_candidates: step must be above 0");
  for (int k = 0; from - k * step >= to - 1e-9; ++k) percents.push_back(from - k * step);
  return percents;
}

namespace detail {

/// The value below which `percent` % of the values lie, of at least one. Whole images: the value of rank
/// max(1, floor(n * percent / 100)).
inline double image_quantile(std::vector<double> values, const ImagePercentileOptions& options) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  if (!options.interpolate) {
    const double rank = std::max(1.0, std::floor(n * options.percent / 100.0 + 1e-9));
    return values[static_cast<std::size_t>(rank) - 1];
  }
  const double place = (n - 1.0) * options.percent / 100.0;
  const std::size_t below = static_cast<std::size_t>(place);
  if (below + 1 >= values.size()) return values.back();
  const double part = place - static_cast<double>(below);
  return values[below] + part * (values[below + 1] - values[below]);
}

}  // namespace detail

/// Percentiles over images of the extremes of an image: of the largest values the one that `percent` % of the
/// images stay below, of the smallest values the one that as many stay above. By channel if
/// ImageExtremes::by_channel is given, of which the widest counts for the tensor; else of the tensor.
/// Extremes enter as they are: a channel whose values are all negative has a negative maximum. The result is
/// widened to zero. symmetric: [-T, T] with T the larger magnitude, or [0, T] for data without negative
/// values. {0, 0} without images. Throws std::invalid_argument for invalid levels or options, for by_channel
/// ranges that are no multiple of the images, or if the histogram has values and there are no images.
/// Source: the calibration tool of OpenVINO 2019.
[[nodiscard]] inline Range threshold_image_percentile(const ThresholdInput& input, Levels levels,
                                                      Scheme scheme,
                                                      const ImagePercentileOptions& options = {}) {
  check(levels);
  if (!(options.percent > 0.0 && options.percent <= 100.0))
    throw std::invalid_argument("threshold_image_percentile: percent must be above 0 and at most 100");
  const std::size_t images = input.images.tensor.size();
  static_cast<void>(detail::finite_images(input, "threshold_image_percentile"));
  if (images == 0) return {0.0F, 0.0F};
  const bool by_channel = !input.images.by_channel.empty();
  const std::span<const Range> ranges = by_channel ? input.images.by_channel : input.images.tensor;
  if (ranges.size() % images != 0)
    throw std::invalid_argument("threshold_image_percentile: by_channel is no multiple of the images");
  const std::size_t channels = ranges.size() / images;
  double low = 0.0;
  double high = 0.0;
  for (std::size_t c = 0; c < channels; ++c) {
    std::vector<double> mirrored_low;
    std::vector<double> highs;
    for (std::size_t i = 0; i < images; ++i) {
      const Range& r = ranges[i * channels + c];
      if (!std::isfinite(r.min) || !std::isfinite(r.max) || r.min > r.max) continue;
      mirrored_low.push_back(-static_cast<double>(r.min));
      highs.push_back(static_cast<double>(r.max));
    }
    if (highs.empty()) continue;
    low = std::min(low, -detail::image_quantile(std::move(mirrored_low), options));
    high = std::max(high, detail::image_quantile(std::move(highs), options));
  }
  return detail::range_of_ends(input.histogram, scheme, low, high);
}

}  // namespace refcalib
