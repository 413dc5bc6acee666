#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/detail/density.hpp>
#include <refcalib/detail/log.hpp>
#include <refcalib/params.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

namespace refcalib {

struct KlOptions {
  /// Bins on which the divergence is taken, over [0, max |x|] (symmetric) or [min, max] (asymmetric). A
  /// multiple of 128 up to 4096. Candidates are the bin edges that leave at least as many bins as levels, so
  /// more bins allow a harder clip: T >= max * levels / bins.
  int bins = 2048;
  /// Levels into which the bins are merged: 0 takes those that the target has on the range that is searched,
  /// otherwise 2 to 65536. Published tools use 128 for every target.
  int levels = 0;
  /// Symmetric scheme: distance of neighbouring candidates in bins, at least 1.
  int step = 1;
  /// Observations that Q is given where nothing but the clipped tail lies: above 0. Less punishes clipping
  /// more.
  double smoothing = 0.5;
};

namespace detail {

/// Kullback-Leibler divergence between a histogram P clipped to the bins [lo, hi) and its quantized image Q.
///
/// P is the histogram inside with what lies outside added to the first and the last bin. Q is the histogram
/// inside, without the outside, cut into `levels` equal groups whose borders may split bins; each group's
/// mass is spread evenly over the part of the group that is occupied in P. Both are densities, each
/// normalised by its own mass. With prefix sums of the mass h, of the occupancy and of h log h a candidate
/// costs O(levels):
///   KL = sum over groups (sum in group P log P - M log(M / n)) / total + log(mass of Q / total).
/// Without a tail the term of a group is never negative (log-sum inequality). So the sum is begun with the
/// groups that have tails, and given up when it has exceeded what was found before.
class ClippedDivergence {
 public:
  explicit ClippedDivergence(std::vector<double> mass, double smoothing = 0.5)
      : h_(std::move(mass)),
        mass_(h_.size() + 2),
        occupied_(h_.size() + 2),
        entropy_(h_.size() + 2),
        floor_(smoothing) {
    for (std::size_t i = 0; i < h_.size(); ++i) {
      mass_[i + 1] = mass_[i] + h_[i];
      occupied_[i + 1] = occupied_[i] + (h_[i] > 0.0 ? 1.0 : 0.0);
      entropy_[i + 1] = entropy_[i] + x_log_x(h_[i]);
    }
    for (std::vector<double>* const prefix : {&mass_, &occupied_, &entropy_})
      prefix->back() = *(prefix->end() - 2);
  }

  /// Divergence for bins [lo, hi), hi - lo >= levels >= 2; infinity if nothing is inside. A divergence above
  /// `limit` may be given as infinity.
  [[nodiscard]] double operator()(std::size_t lo, std::size_t hi, std::size_t levels,
                                  double limit = kInfinity) const {
    const double total = mass_.back();
    double q_mass = mass_[hi] - mass_[lo];
    if (q_mass <= 0.0) return kInfinity;
    const Groups groups{static_cast<double>(lo), static_cast<double>(hi - lo) / static_cast<double>(levels),
                        levels};
    double ends = end_term({static_cast<double>(lo), groups.border(1)}, lo, mass_[lo], q_mass);
    ends += end_term({groups.border(levels - 1), static_cast<double>(hi)}, hi - 1, total - mass_[hi], q_mass);
    ends += total * log_(q_mass / total);
    const bool dense = occupied_[hi] - occupied_[lo] == static_cast<double>(hi - lo);
    // What is given up may not hang on a rounding error.
    const double rest = (limit + 1e-12) * total - ends;
    return (ends + (dense ? inner_terms<true>(groups, rest) : inner_terms<false>(groups, rest))) / total;
  }

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  struct Groups {
    double start;
    double width;
    std::size_t count;
    [[nodiscard]] double border(std::size_t g) const {
      return start + static_cast<double>(static_cast<std::int32_t>(g)) * width;
    }
  };
  struct Stretch {
    double from, to;
  };

  /// x log x, continued to 0 at 0.
  [[nodiscard]] double x_log_x(double x) const { return x > 0.0 ? x * log_(x) : 0.0; }

  /// A prefix sum at x bins, 0 <= x <= number of bins.
  [[nodiscard]] static double at(const std::vector<double>& prefix, double x) {
    const auto bin = static_cast<std::int32_t>(x);
    const double* const p = prefix.data() + bin;
    return p[0] + (x - static_cast<double>(bin)) * (p[1] - p[0]);
  }

  /// The terms of all groups but the first and the last, times the total mass; infinity once they exceed
  /// `limit`. `dense`: no bin in them is empty.
  template <bool dense>
  [[nodiscard]] double inner_terms(const Groups& groups, double limit) const {
    constexpr std::size_t kBlock = 16;
    const double first = groups.border(1);
    const double entropy = at(entropy_, first);
    const double log_width = log_(groups.width);
    double mass = at(mass_, first);
    double occupied = at(occupied_, first);
    double sum = 0.0;
    double term = 0.0;
    for (std::size_t g = 2; g < groups.count;) {
      const std::size_t block = std::min(groups.count, g + kBlock);
      for (; g < block; ++g) {
        const double border = groups.border(g);
        const double m = at(mass_, border) - mass;
        mass += m;
        if constexpr (dense) {
          sum += m * (log_(m) - log_width);
        } else {
          const double n = at(occupied_, border) - occupied;
          occupied += n;
          if (m > 0.0 && n > 0.0) sum += m * log_(m / n);
        }
      }
      term = at(entropy_, groups.border(g - 1)) - entropy - sum;
      if (term > limit) return kInfinity;
    }
    return std::max(term, 0.0);
  }

  /// The term of the first or the last group, times the total mass. Its outermost bin, `bin`, holds a tail
  /// in P and counts as occupied then. Adds to the mass of Q what the floor gives.
  [[nodiscard]] double end_term(const Stretch& group, std::size_t bin, double tail, double& q_mass) const {
    const double inside = at(mass_, group.to) - at(mass_, group.from);
    double entropy = at(entropy_, group.to) - at(entropy_, group.from);
    double occupied = at(occupied_, group.to) - at(occupied_, group.from);
    if (tail > 0.0) {
      entropy += x_log_x(h_[bin] + tail) - x_log_x(h_[bin]);
      occupied += h_[bin] > 0.0 ? 0.0 : 1.0;
    }
    double mass = inside;
    if (tail > 0.0 && mass < floor_) {
      // Nothing but the tail is here: without a floor one outlier would make every clip infinitely bad.
      q_mass += floor_ - mass;
      mass = floor_;
    } else if (mass <= 0.0 || occupied <= 0.0) {
      return 0.0;
    }
    return entropy - (inside + tail) * log_(mass / occupied);
  }

  std::vector<double> h_;
  /// Prefix sums of h, of 1{h > 0} and of h log h, the last one twice for at().
  std::vector<double> mass_, occupied_, entropy_;
  double floor_;
  FastLog log_;
};

/// The search on one tensor: its options resolved against the target.
struct KlSearch {
  std::size_t bins;
  std::size_t levels;  ///< groups
  std::size_t step;
  double smoothing;

  KlSearch(const KlOptions& options, std::int32_t target_levels)
      : bins(static_cast<std::size_t>(options.bins)),
        levels(static_cast<std::size_t>(options.levels > 0 ? options.levels : target_levels)),
        step(static_cast<std::size_t>(options.step)),
        smoothing(options.smoothing) {}
};

/// The number of bins from 0 on with the smallest divergence; of equal ones the largest.
inline std::size_t kl_best_end(const ClippedDivergence& divergence, const KlSearch& search) {
  // A few candidates all over the range give a limit at which the others are given up.
  constexpr std::size_t kProbes = 32;
  const std::size_t span = search.bins - search.levels;
  double limit = std::numeric_limits<double>::infinity();
  for (std::size_t k = 0; k <= kProbes; ++k) {
    const std::size_t steps_back = span * k / kProbes / search.step;
    limit = std::min(limit, divergence(0, search.bins - steps_back * search.step, search.levels, limit));
  }
  std::size_t best_end = search.bins;
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t back = 0; back <= span; back += search.step) {
    const double d = divergence(0, search.bins - back, search.levels, limit);
    if (d < best) {
      best = d;
      limit = d;
      best_end = search.bins - back;
    }
  }
  return best_end;
}

inline Range kl_symmetric(const Histogram& histogram, Levels levels, const KlOptions& options) {
  const double reach = largest_magnitude(histogram);
  const std::int32_t zero_point = symmetric_zero_point(levels, histogram.has_negative());
  const KlSearch search(options, symmetric_steps(levels, zero_point, histogram.has_negative()) + 1);
  if (search.levels > search.bins) return symmetric_range(histogram, reach);
  const Resampled grid = resample(histogram, 0.0, reach, search.bins, true);
  const std::size_t end = kl_best_end(ClippedDivergence(grid.mass, search.smoothing), search);
  return symmetric_range(histogram, end == search.bins ? reach : static_cast<double>(end) * grid.width);
}

/// The pair (lo, hi) of bins around `zero` with the smallest divergence: all pairs on a coarse grid, then all
/// pairs on finer grids around the best.
struct KlInterval {
  std::size_t lo;
  std::size_t hi;
};
inline KlInterval kl_best_interval(const ClippedDivergence& divergence, const KlSearch& search,
                                   std::size_t zero) {
  const std::size_t bins = search.bins;
  KlInterval best{0, bins};
  double best_value = divergence(0, bins, search.levels);
  const auto try_around = [&](std::size_t step, std::size_t lo_first, std::size_t lo_last,
                              std::size_t hi_first, std::size_t hi_last) {
    for (std::size_t lo = lo_first; lo <= lo_last; lo += step) {
      for (std::size_t hi = hi_last; hi >= hi_first && hi >= lo + search.levels; hi -= std::min(step, hi)) {
        const double d = divergence(lo, hi, search.levels, best_value);
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

inline Range kl_asymmetric(const Histogram& histogram, Levels levels, const KlOptions& options) {
  const Range seen = widen_to_zero(histogram.range());
  const KlSearch search(options, levels.count());
  if (search.levels > search.bins) return seen;
  const Resampled grid = resample(histogram, seen.min, seen.max, search.bins, false);
  const std::size_t zero = static_cast<std::size_t>(-static_cast<double>(seen.min) / grid.width);
  const KlInterval best =
      kl_best_interval(ClippedDivergence(grid.mass, search.smoothing), search, std::min(zero, search.bins));
  const double low = best.lo == 0 ? seen.min : grid.low + static_cast<double>(best.lo) * grid.width;
  const double high =
      best.hi == search.bins ? seen.max : grid.low + static_cast<double>(best.hi) * grid.width;
  return widen_to_zero({static_cast<float>(low), static_cast<float>(high)});
}

inline void check(const KlOptions& options) {
  if (options.bins < 128 || options.bins > 4096 || options.bins % 128 != 0)
    throw std::invalid_argument("threshold_kl: bins must be a multiple of 128 from 128 to 4096");
  if (options.levels != 0 && (options.levels < 2 || options.levels > 65536))
    throw std::invalid_argument("threshold_kl: levels must be 0 (those of the target) or 2 to 65536");
  if (options.step < 1) throw std::invalid_argument("threshold_kl: step must be at least 1");
  if (!(options.smoothing > 0.0) || !std::isfinite(options.smoothing))
    throw std::invalid_argument("threshold_kl: smoothing must be above 0");
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
/// invalid levels or options. Source: S. Migacz, 8-bit inference with TensorRT (GTC 2017), in prefix-sum
/// form.
[[nodiscard]] inline Range threshold_kl(const Histogram& histogram, Levels levels, Scheme scheme,
                                        const KlOptions& options = {}) {
  check(levels);
  detail::check(options);
  if (detail::largest_magnitude(histogram) <= 0.0) return {0.0F, 0.0F};
  return scheme == Scheme::symmetric ? detail::kl_symmetric(histogram, levels, options)
                                     : detail::kl_asymmetric(histogram, levels, options);
}

}  // namespace refcalib
