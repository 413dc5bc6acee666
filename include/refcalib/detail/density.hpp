#pragma once

// A histogram seen as a piecewise constant density, the common ground of the threshold searches.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <refcalib/histogram.hpp>
#include <span>
#include <vector>

namespace refcalib::detail {

/// Counts of one half by magnitude with prefix sums of the moments. Unit of length: one bin. A value is taken
/// to lie anywhere in its bin with equal probability.
class HalfMoments {
 public:
  explicit HalfMoments(std::span<const std::uint64_t> counts) {
    std::size_t used = counts.size();
    while (used > 0 && counts[used - 1] == 0) --used;
    counts_.assign(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(used));
    prefix_.resize(used + 1);
    for (std::size_t i = 0; i < used; ++i) {
      const double mass = static_cast<double>(counts_[i]);
      const double x = static_cast<double>(i);
      prefix_[i + 1] = {prefix_[i].mass + mass, prefix_[i].first + mass * (x + 0.5),
                        prefix_[i].second + mass * (x * x + x + 1.0 / 3.0)};
    }
  }

  /// Integrals of 1, x and x^2 times the density over [0, x).
  struct Moments {
    double mass = 0.0;
    double first = 0.0;
    double second = 0.0;
  };

  /// x >= 0, in bins.
  [[nodiscard]] Moments up_to(double x) const {
    const std::size_t bin = static_cast<std::size_t>(x);
    if (bin >= counts_.size()) return prefix_.back();
    const double start = static_cast<double>(bin);
    const double mass = static_cast<double>(counts_[bin]) * (x - start);
    return {prefix_[bin].mass + mass, prefix_[bin].first + mass * 0.5 * (start + x),
            prefix_[bin].second + mass * (start * start + start * x + x * x) * (1.0 / 3.0)};
  }

  [[nodiscard]] const Moments& total() const { return prefix_.back(); }

  /// Upper edge of the last occupied bin; 0 without any.
  [[nodiscard]] double reach() const { return static_cast<double>(counts_.size()); }

 private:
  std::vector<std::uint64_t> counts_;
  std::vector<Moments> prefix_;
};

/// Equal bins over [low, high) with fractional masses.
struct Resampled {
  double low;
  double width;
  std::vector<double> mass;
};

/// Adds `mass`, spread evenly over [left, right), to the bins.
inline void spread(Resampled& out, double left, double right, double mass) {
  const double last_bin = static_cast<double>(out.mass.size() - 1);
  const double a = std::clamp((left - out.low) / out.width, 0.0, last_bin + 1.0);
  const double b = std::clamp((right - out.low) / out.width, a, last_bin + 1.0);
  const std::size_t first = static_cast<std::size_t>(std::min(std::floor(a), last_bin));
  const std::size_t last = static_cast<std::size_t>(std::min(std::floor(b), last_bin));
  // A sliver of rounding error must not make an empty neighbour look occupied.
  const double sliver = 1e-9 * (b - a);
  if (first == last || b - a <= 0.0) {
    out.mass[last] += mass;
    return;
  }
  for (std::size_t i = first; i <= last; ++i) {
    const double start = std::max(a, static_cast<double>(i));
    const double end = std::min(b, static_cast<double>(i + 1));
    if (end - start > sliver) out.mass[i] += mass * (end - start) / (b - a);
  }
}

/// The histogram without its exact zeros, on `bins` bins over [low, high]: over magnitudes (both halves
/// added, low = 0) or over signed values. The outermost occupied bins are cut at the exact minimum and
/// maximum first.
inline Resampled resample(const Histogram& histogram, double low, double high, std::size_t bins,
                          bool magnitudes) {
  Resampled out{low, (high - low) / static_cast<double>(bins), std::vector<double>(bins, 0.0)};
  const double width = histogram.bin_width();
  const auto add_half = [&](std::span<const std::uint64_t> counts, double reach, bool mirrored) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      const double near = static_cast<double>(i) * width;
      const double far = std::min(near + width, std::max(reach, near));
      const double mass = static_cast<double>(counts[i]);
      mirrored ? spread(out, -far, -near, mass) : spread(out, near, far, mass);
    }
  };
  const Range seen = histogram.range();
  add_half(histogram.positive(), seen.max, false);
  add_half(histogram.negative(), -static_cast<double>(seen.min), !magnitudes);
  return out;
}

/// Largest finite magnitude seen, 0 without any value but zero.
inline double largest_magnitude(const Histogram& histogram) {
  const Range seen = histogram.range();
  return std::max({0.0, -static_cast<double>(seen.min), static_cast<double>(seen.max)});
}

/// The symmetric range of threshold t: [-t, t], or [0, t] for data without negative values.
inline Range symmetric_range(const Histogram& histogram, double t) {
  const float value = static_cast<float>(t);
  return {histogram.has_negative() ? -value : 0.0F, value};
}

}  // namespace refcalib::detail
