#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/detail/density.hpp>
#include <refcalib/detail/rounding_error.hpp>
#include <refcalib/params.hpp>
#include <stdexcept>

namespace refcalib {

struct MseOptions {
  /// Asymmetric scheme: number of scales tried, evenly spaced up to the one that covers the whole range; each
  /// is tried with every zero point. At least 1.
  int scales = 1024;
  /// Symmetric scheme: distance of neighbouring candidates in bins of the histogram, at least 1.
  int step = 1;
};

namespace detail {

/// Candidates all over the range that are tried first: they give a limit at which the others are given up.
inline constexpr int kMseProbes = 16;

inline Range mse_symmetric(const Histogram& histogram, Levels levels, int step) {
  const RoundingError positive(histogram.positive());
  const RoundingError negative(histogram.negative());
  const std::int32_t zero_point = symmetric_zero_point(levels, histogram.has_negative());
  const std::int32_t above = levels.qmax - zero_point;
  const std::int32_t below = zero_point - levels.qmin;
  const std::int32_t steps = symmetric_steps(levels, zero_point, histogram.has_negative());
  const double reach = std::max(positive.reach(), negative.reach());
  const auto error_of = [&](double t, double limit) {
    const double s = t / steps;
    const double upper = positive(s, above, limit);
    return upper + negative(s, below, limit - upper);
  };
  const int candidates = static_cast<int>((reach - 1.0) / step) + 1;
  double limit = std::numeric_limits<double>::infinity();
  for (int k = 0; k < kMseProbes; ++k) {
    const int back = candidates * k / kMseProbes;
    limit = std::min(limit, error_of(reach - static_cast<double>(back) * step, limit));
  }
  double best = std::numeric_limits<double>::infinity();
  double best_t = reach;
  // From wide to narrow: what is lost by clipping alone only grows, so the search ends as soon as that
  // exceeds the best.
  for (int k = 0; k < candidates; ++k) {
    const double t = reach - static_cast<double>(k) * step;
    const double s = t / steps;
    if (positive.clipped(above * s) + negative.clipped(below * s) >= best) break;
    const double error = error_of(t, limit);
    if (error < best) {
      best = error;
      limit = std::min(limit, error);
      best_t = t;
    }
  }
  return symmetric_range(histogram, std::min(best_t * histogram.bin_width(), largest_magnitude(histogram)));
}

/// Of `steps` steps of size s the number that lies below zero when the error is least; of equal ones the
/// smallest. The gain of one more step on a side falls with their number, so where the gains of both sides
/// meet is found by bisection.
inline std::int32_t best_steps_below(const RoundingError& negative, const RoundingError& positive, double s,
                                     std::int32_t steps) {
  std::int32_t few = 0;
  std::int32_t many = steps;
  while (few < many) {
    const std::int32_t n = few + (many - few) / 2;
    if (negative.excess((n + 0.5) * s) > positive.excess((steps - n - 0.5) * s)) {
      few = n + 1;
    } else {
      many = n;
    }
  }
  return few;
}

/// The least that clipping alone can cost with `steps` steps of size s: a convex function of where zero lies.
inline double least_clipped(const RoundingError& negative, const RoundingError& positive, double s,
                            std::int32_t steps) {
  const auto cost = [&](std::int32_t n) {
    return negative.clipped(n * s) + positive.clipped((steps - n) * s);
  };
  std::int32_t few = 0;
  std::int32_t many = steps;
  while (few < many) {
    const std::int32_t n = few + (many - few) / 2;
    if (cost(n + 1) < cost(n)) {
      few = n + 1;
    } else {
      many = n;
    }
  }
  return cost(few);
}

inline Range mse_asymmetric(const Histogram& histogram, Levels levels, int scales) {
  const RoundingError positive(histogram.positive());
  const RoundingError negative(histogram.negative());
  const std::int32_t steps = levels.qmax - levels.qmin;
  const double width = histogram.bin_width();
  const Range seen = widen_to_zero(histogram.range());
  const double full = (static_cast<double>(seen.max) - static_cast<double>(seen.min)) / width / steps;
  double best = std::numeric_limits<double>::infinity();
  double best_scale = full;
  std::int32_t best_below = 0;
  for (int k = scales; k >= 1; --k) {
    const double s = full * k / scales;
    if (least_clipped(negative, positive, s, steps) >= best) break;
    const std::int32_t below = best_steps_below(negative, positive, s, steps);
    const double lower = negative(s, below, best);
    const double error = lower + positive(s, steps - below, best - lower);
    if (error < best) {
      best = error;
      best_scale = s;
      best_below = below;
    }
  }
  const auto to_float = [](double v) {
    constexpr double largest = std::numeric_limits<float>::max();
    return static_cast<float>(std::clamp(v, -largest, largest));
  };
  return {to_float(-best_below * best_scale * width), to_float((steps - best_below) * best_scale * width)};
}

}  // namespace detail

/// The range whose quantization has the smallest mean squared error, clipping included, given that values are
/// spread evenly inside the bins of the histogram. Exact zeros cost nothing under any range and are left out.
///
/// symmetric: every bin edge is tried as T (every MseOptions::step-th), so the result is the global optimum
/// over them, not the first local one. The levels are those that choose_symmetric gives (255 steps for
/// non-negative data and [0, 255]; -128 is used if present).
/// asymmetric: the global optimum over MseOptions::scales scales times all zero points; the result is a range
/// of which choose_asymmetric returns that scale and zero point, and may reach beyond the data at one end.
/// Cost: O(levels) per candidate (see RoundingError); well under a millisecond for 8 bits.
/// {0, 0} for an empty or all-zero histogram.
/// Throws std::invalid_argument for invalid levels or options.
/// Source: the error of a uniform quantizer, integrated exactly; the usual observers (PyTorch, NNCF) walk to
/// the first local minimum of the same quantity instead.
[[nodiscard]] inline Range threshold_mse(const Histogram& histogram, Levels levels, Scheme scheme,
                                         const MseOptions& options = {}) {
  check(levels);
  if (options.scales < 1) throw std::invalid_argument("threshold_mse: scales must be at least 1");
  if (options.step < 1) throw std::invalid_argument("threshold_mse: step must be at least 1");
  if (detail::largest_magnitude(histogram) <= 0.0) return {0.0F, 0.0F};
  return scheme == Scheme::symmetric ? detail::mse_symmetric(histogram, levels, options.step)
                                     : detail::mse_asymmetric(histogram, levels, options.scales);
}

}  // namespace refcalib
