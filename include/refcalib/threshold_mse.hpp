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

struct MseOptions {
  /// Asymmetric scheme: number of scales tried, evenly spaced up to the one that covers the whole range; each
  /// is tried with every zero point. At least 1.
  int scales = 1024;
};

namespace detail {

/// Squared error of one half when it is rounded to the multiples 0, s, ..., n * s; everything above n * s
/// becomes n * s.
inline double half_error(const HalfMoments& half, double s, std::int32_t n) {
  double error = 0.0;
  HalfMoments::Moments from;
  std::int32_t q = 0;
  for (; q < n; ++q) {
    const double edge = (q + 0.5) * s;
    if (edge >= half.reach()) break;
    const HalfMoments::Moments to = half.up_to(edge);
    error += HalfMoments::squared_error(from, to, q * s);
    from = to;
  }
  return error + HalfMoments::squared_error(from, half.total(), q * s);
}

/// half_error for n = 0, 1, ..., steps at once: errors[n].
inline void half_errors(const HalfMoments& half, double s, std::int32_t steps, std::vector<double>& errors) {
  double error = 0.0;
  HalfMoments::Moments from;
  for (std::int32_t q = 0; q <= steps; ++q) {
    errors[static_cast<std::size_t>(q)] = error + HalfMoments::squared_error(from, half.total(), q * s);
    const HalfMoments::Moments to = half.up_to((q + 0.5) * s);
    error += HalfMoments::squared_error(from, to, q * s);
    from = to;
  }
}

inline Range mse_symmetric(const Histogram& histogram, Levels levels) {
  const HalfMoments positive(histogram.positive());
  const HalfMoments negative(histogram.negative());
  const std::int32_t zero_point = symmetric_zero_point(levels, histogram.has_negative());
  const std::int32_t above = levels.qmax - zero_point;
  const std::int32_t below = zero_point - levels.qmin;
  const std::int32_t steps = symmetric_steps(levels, zero_point, histogram.has_negative());
  const double reach = std::max(positive.reach(), negative.reach());
  double best = std::numeric_limits<double>::infinity();
  double best_t = reach;
  // From wide to narrow: what is lost by clipping alone only grows, so the search ends as soon as that
  // exceeds the best.
  for (double t = reach; t >= 1.0; t -= 1.0) {
    const double s = t / steps;
    const double clipped =
        HalfMoments::squared_error(positive.up_to(above * s), positive.total(), above * s) +
        HalfMoments::squared_error(negative.up_to(below * s), negative.total(), below * s);
    if (clipped >= best) break;
    const double error = half_error(positive, s, above) + half_error(negative, s, below);
    if (error < best) {
      best = error;
      best_t = t;
    }
  }
  return symmetric_range(histogram, std::min(best_t * histogram.bin_width(), largest_magnitude(histogram)));
}

inline Range mse_asymmetric(const Histogram& histogram, Levels levels, int scales) {
  const HalfMoments positive(histogram.positive());
  const HalfMoments negative(histogram.negative());
  const std::int32_t steps = levels.qmax - levels.qmin;
  const double width = histogram.bin_width();
  const Range seen = widen_to_zero(histogram.range());
  const double full = (static_cast<double>(seen.max) - static_cast<double>(seen.min)) / width / steps;
  std::vector<double> above(static_cast<std::size_t>(steps) + 1);
  std::vector<double> below(above.size());
  double best = std::numeric_limits<double>::infinity();
  double best_scale = full;
  std::int32_t best_below = 0;
  for (int k = scales; k >= 1; --k) {
    const double s = full * k / scales;
    half_errors(positive, s, steps, above);
    half_errors(negative, s, steps, below);
    for (std::int32_t n = 0; n <= steps; ++n) {
      const double error = below[static_cast<std::size_t>(n)] + above[static_cast<std::size_t>(steps - n)];
      if (error < best) {
        best = error;
        best_scale = s;
        best_below = n;
      }
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
/// symmetric: every bin edge is tried as T, so the result is the global optimum over them, not the first
/// local one. The levels are those that choose_symmetric gives (255 steps for non-negative data and [0, 255];
/// -128 is used if present).
/// asymmetric: the global optimum over MseOptions::scales scales times all zero points; the result is a range
/// of which choose_asymmetric returns that scale and zero point, and may reach beyond the data at one end.
/// Cost: O(levels) per candidate through prefix sums of the moments; a few milliseconds for 8 bits.
/// {0, 0} for an empty or all-zero histogram.
/// Throws std::invalid_argument for invalid levels or options.
/// Source: the error of a uniform quantizer, integrated exactly per level; the usual observers (PyTorch,
/// NNCF) walk to the first local minimum of the same quantity instead.
[[nodiscard]] inline Range threshold_mse(const Histogram& histogram, Levels levels, Scheme scheme,
                                         const MseOptions& options = {}) {
  check(levels);
  if (options.scales < 1) throw std::invalid_argument("threshold_mse: scales must be at least 1");
  if (detail::largest_magnitude(histogram) <= 0.0) return {0.0F, 0.0F};
  return scheme == Scheme::symmetric ? detail::mse_symmetric(histogram, levels)
                                     : detail::mse_asymmetric(histogram, levels, options.scales);
}

}  // namespace refcalib
