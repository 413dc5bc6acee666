#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <refcalib/detail/density.hpp>
#include <refcalib/params.hpp>
#include <refcalib/threshold_minmax.hpp>
#include <span>
#include <stdexcept>

namespace refcalib {

struct PercentileOptions {
  double percent = 99.99;  ///< share of the non-zero values that is kept: above 0, at most 100
};

namespace detail {

/// Magnitude below which `wanted` of the values of a half (or of two halves added) lie, linear inside a bin.
inline double quantile_magnitude(std::span<const std::uint64_t> one, std::span<const std::uint64_t> other,
                                 double width, double wanted) {
  double below = 0.0;
  double edge = 0.0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const std::uint64_t count = one[i] + (other.empty() ? 0 : other[i]);
    if (count == 0) continue;
    const double mass = static_cast<double>(count);
    if (below + mass >= wanted)
      return (static_cast<double>(i) + std::max(0.0, wanted - below) / mass) * width;
    below += mass;
    edge = static_cast<double>(i + 1) * width;
  }
  return edge;
}

}  // namespace detail

/// Clips a share of the values: symmetric, T such that `percent` % of the magnitudes are below it;
/// asymmetric, (100 - percent) / 2 % are cut at either end, or all of it at the one end that there is when
/// the data has one sign. Exact zeros are left out of the count, so that sparsity (zeros after a ReLU)
/// neither moves the threshold nor, if extreme, pushes it to zero. Resolution: a bin of the histogram with
/// linear interpolation; never outside the seen range. percent = 100 gives threshold_minmax. {0, 0} for an
/// empty or all-zero histogram. Throws std::invalid_argument unless 0 < percent <= 100 and the levels are
/// valid.
[[nodiscard]] inline Range threshold_percentile(const Histogram& histogram, Levels levels, Scheme scheme,
                                                const PercentileOptions& options = {}) {
  const double percent = options.percent;
  if (!(percent > 0.0 && percent <= 100.0)) {
    throw std::invalid_argument("threshold_percentile: percent must be above 0 and at most 100");
  }
  const Range full = threshold_minmax(histogram, levels, scheme);
  if (percent == 100.0) return full;
  const double width = histogram.bin_width();
  const double nonzero = static_cast<double>(histogram.count() - histogram.zero_count());
  if (scheme == Scheme::symmetric) {
    const double t = detail::quantile_magnitude(histogram.positive(), histogram.negative(), width,
                                                nonzero * percent / 100.0);
    return detail::symmetric_range(histogram, std::min(t, static_cast<double>(full.max)));
  }
  const bool two_sided = full.min < 0.0F && full.max > 0.0F;
  const double cut = nonzero * (100.0 - percent) / (two_sided ? 200.0 : 100.0);
  const auto end = [&](std::span<const std::uint64_t> half, double seen) {
    double mass = 0.0;
    for (const std::uint64_t c : half) mass += static_cast<double>(c);
    return mass <= cut ? 0.0 : std::min(seen, detail::quantile_magnitude(half, {}, width, mass - cut));
  };
  return {0.0F - static_cast<float>(end(histogram.negative(), -static_cast<double>(full.min))),
          static_cast<float>(end(histogram.positive(), static_cast<double>(full.max)))};
}

}  // namespace refcalib
