#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/detail/density.hpp>
#include <refcalib/params.hpp>
#include <stdexcept>
#include <vector>

namespace refcalib {

struct KlOptions {
  /// Bins on which the divergence is taken, over [0, max |x|] (symmetric) or [min, max] (asymmetric). A
  /// multiple of 128 up to 4096. Candidates are the bin edges that leave at least as many bins as levels, so
  /// more bins allow a harder clip: T >= max * levels / bins.
  int bins = 2048;
};

namespace detail {

/// x log x, continued to 0 at 0.
inline double x_log_x(double x) {
  return x > 0.0 ? x * std::log(x) : 0.0;
}

/// Kullback-Leibler divergence between a histogram P clipped to the bins [lo, hi) and its quantized image Q.
///
/// P is the histogram inside with what lies outside added to the first and the last bin. Q is the histogram
/// inside, without the outside, cut into `levels` equal groups whose borders may split bins; each group's
/// mass is spread evenly over the part of the group that is occupied in P. Both are densities, each
/// normalised by its own mass. With prefix sums of the mass h, of the occupancy and of h log h a candidate
/// costs O(levels):
///   KL = (sum P log P - sum_groups M log(M / n) - tail terms) / total + log(mass of Q / total).
class ClippedDivergence {
 public:
  explicit ClippedDivergence(std::vector<double> mass) : h_(std::move(mass)), prefix_(h_.size() + 1) {
    for (std::size_t i = 0; i < h_.size(); ++i) {
      prefix_[i + 1] = {prefix_[i].mass + h_[i], prefix_[i].occupied + (h_[i] > 0.0 ? 1.0 : 0.0),
                        prefix_[i].entropy + x_log_x(h_[i])};
    }
  }

  /// Divergence for bins [lo, hi), hi - lo >= levels >= 2; infinity if nothing is inside.
  [[nodiscard]] double operator()(std::size_t lo, std::size_t hi, std::size_t levels) const {
    const double total = prefix_.back().mass;
    const double tail_low = prefix_[lo].mass;
    const double tail_high = total - prefix_[hi].mass;
    const double inside = prefix_[hi].mass - prefix_[lo].mass;
    if (inside <= 0.0) return std::numeric_limits<double>::infinity();

    double sum = prefix_[hi].entropy - prefix_[lo].entropy;
    sum += x_log_x(h_[lo] + tail_low) - x_log_x(h_[lo]);
    sum += x_log_x(h_[hi - 1] + tail_high) - x_log_x(h_[hi - 1]);

    const double group = static_cast<double>(hi - lo) / static_cast<double>(levels);
    double q_mass = inside;
    Point from{prefix_[lo].mass, prefix_[lo].occupied};
    for (std::size_t g = 1; g <= levels; ++g) {
      const Point to = g == levels ? Point{prefix_[hi].mass, prefix_[hi].occupied}
                                   : at(static_cast<double>(lo) + static_cast<double>(g) * group);
      double mass = to.mass - from.mass;
      double occupied = to.occupied - from.occupied;
      from = to;
      // The first and the last group lie over the bins that hold the tails; these bins count as occupied.
      double tail = 0.0;
      if (g == 1 && tail_low > 0.0) {
        tail += tail_low;
        occupied += h_[lo] > 0.0 ? 0.0 : 1.0;
      }
      if (g == levels && tail_high > 0.0) {
        tail += tail_high;
        occupied += h_[hi - 1] > 0.0 ? 0.0 : 1.0;
      }
      if (tail > 0.0 && mass < kFloor) {
        // Nothing but the tail is here: without a floor one outlier would make every clip infinitely bad.
        q_mass += kFloor - mass;
        sum -= (mass + tail) * std::log(kFloor / occupied);
      } else if (mass > 0.0 && occupied > 0.0) {
        sum -= (mass + tail) * std::log(mass / occupied);
      }
    }
    return sum / total + std::log(q_mass / total);
  }

 private:
  /// Half an observation.
  static constexpr double kFloor = 0.5;

  struct Prefix {
    double mass = 0.0;
    double occupied = 0.0;
    double entropy = 0.0;
  };
  struct Point {
    double mass;
    double occupied;
  };

  /// Mass and occupied length left of x, in bins.
  [[nodiscard]] Point at(double x) const {
    const std::size_t bin = std::min(static_cast<std::size_t>(x), h_.size() - 1);
    const double part = x - static_cast<double>(bin);
    return {prefix_[bin].mass + part * h_[bin], prefix_[bin].occupied + (h_[bin] > 0.0 ? part : 0.0)};
  }

  std::vector<double> h_;
  std::vector<Prefix> prefix_;
};

inline Range kl_symmetric(const Histogram& histogram, Levels levels, std::size_t bins) {
  const double reach = largest_magnitude(histogram);
  const Resampled grid = resample(histogram, 0.0, reach, bins, true);
  const std::int32_t zero_point = symmetric_zero_point(levels, histogram.has_negative());
  const std::int32_t steps = symmetric_steps(levels, zero_point, histogram.has_negative());
  const std::size_t count = static_cast<std::size_t>(steps) + 1;
  const ClippedDivergence divergence(grid.mass);
  double best = std::numeric_limits<double>::infinity();
  std::size_t best_hi = bins;
  // From wide to narrow, so that equal divergences keep the larger range.
  for (std::size_t hi = bins; hi >= count && hi > 0; --hi) {
    const double d = divergence(0, hi, count);
    if (d < best) {
      best = d;
      best_hi = hi;
    }
  }
  return symmetric_range(histogram, best_hi == bins ? reach : static_cast<double>(best_hi) * grid.width);
}

/// The pair (lo, hi) of bins around `zero` with the smallest divergence: all pairs on a coarse grid, then all
/// pairs on finer grids around the best.
struct KlInterval {
  std::size_t lo;
  std::size_t hi;
};
inline KlInterval kl_search_interval(const ClippedDivergence& divergence, std::size_t bins, std::size_t zero,
                                     std::size_t count) {
  KlInterval best{0, bins};
  double best_value = divergence(0, bins, count);
  const auto try_around = [&](std::size_t step, std::size_t lo_first, std::size_t lo_last,
                              std::size_t hi_first, std::size_t hi_last) {
    for (std::size_t lo = lo_first; lo <= lo_last; lo += step) {
      for (std::size_t hi = hi_last; hi >= hi_first && hi >= lo + count; hi -= std::min(step, hi)) {
        const double d = divergence(lo, hi, count);
        if (d < best_value) {
          best_value = d;
          best = {lo, hi};
        }
        if (hi < step) break;
      }
    }
  };
  std::size_t step = std::max<std::size_t>(bins / 32, 1);
  try_around(step, 0, zero, std::max<std::size_t>(zero, 1), bins);
  while (step > 1) {
    const KlInterval centre = best;
    const std::size_t span = step;
    step = std::max<std::size_t>(step / 4, 1);
    try_around(step, centre.lo > span ? centre.lo - span : 0, std::min(centre.lo + span, zero),
               std::max({zero, std::size_t{1}, centre.hi > span ? centre.hi - span : 0}),
               std::min(centre.hi + span, bins));
  }
  return best;
}

inline Range kl_asymmetric(const Histogram& histogram, Levels levels, std::size_t bins) {
  const Range seen = widen_to_zero(histogram.range());
  const Resampled grid = resample(histogram, seen.min, seen.max, bins, false);
  const std::size_t zero = static_cast<std::size_t>(-static_cast<double>(seen.min) / grid.width);
  const KlInterval best = kl_search_interval(ClippedDivergence(grid.mass), bins, std::min(zero, bins),
                                             static_cast<std::size_t>(levels.count()));
  const double low = best.lo == 0 ? seen.min : grid.low + static_cast<double>(best.lo) * grid.width;
  const double high = best.hi == bins ? seen.max : grid.low + static_cast<double>(best.hi) * grid.width;
  return widen_to_zero({static_cast<float>(low), static_cast<float>(high)});
}

}  // namespace detail

/// The range that keeps the distribution of the values closest to the original in the sense of Kullback and
/// Leibler.
///
/// Where published variants differ, this one: leaves exact zeros out (only them, not the bin of small
/// values); splits bins at group borders instead of rounding the group size, so that every candidate is a
/// different quantizer; uses as many levels as the target really has (256 for [0, 255] and non-negative data,
/// 128 for magnitudes of signed data, all of them for the asymmetric scheme); counts the clipped tail in P
/// and not in Q, with a floor of half an observation where Q is empty; normalises both. symmetric: all bin
/// edges from `levels` bins on are tried. asymmetric: pairs of edges, all on a coarse grid of 32, refined
/// around the best pair. If the levels outnumber the bins there is nothing to search and the full range is
/// returned. KL knows shapes, not magnitudes: for sparse outputs whose rare large values matter (detection
/// heads) prefer MSE or min/max. {0, 0} for an empty or all-zero histogram. Throws std::invalid_argument for
/// invalid levels, or bins that are no multiple of 128 from 128 to 4096. Source: S. Migacz, 8-bit inference
/// with TensorRT (GTC 2017), in prefix-sum form.
[[nodiscard]] inline Range threshold_kl(const Histogram& histogram, Levels levels, Scheme scheme,
                                        const KlOptions& options = {}) {
  check(levels);
  if (options.bins < 128 || options.bins > 4096 || options.bins % 128 != 0) {
    throw std::invalid_argument("threshold_kl: bins must be a multiple of 128 from 128 to 4096");
  }
  if (detail::largest_magnitude(histogram) <= 0.0) return {0.0F, 0.0F};
  const std::size_t bins = static_cast<std::size_t>(options.bins);
  return scheme == Scheme::symmetric ? detail::kl_symmetric(histogram, levels, bins)
                                     : detail::kl_asymmetric(histogram, levels, bins);
}

}  // namespace refcalib
