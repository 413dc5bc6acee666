#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <refcalib/detail/density.hpp>
#include <refcalib/params.hpp>
#include <stdexcept>

namespace refcalib {

struct OctavOptions {
  int iterations = 20;      ///< at most so many steps of Newton's method, at least 1
  double tolerance = 1e-5;  ///< ends when no threshold moves by more than this part of itself; not negative
};

namespace detail {

/// One end of the range: what lies beyond it.
struct OctavEnd {
  double mass = 0.0;   ///< number of the values beyond
  double first = 0.0;  ///< sum of their magnitudes
};

inline OctavEnd beyond(const HalfMoments& half, double t) {
  const HalfMoments::Moments below = half.up_to(t);
  return {half.total().mass - below.mass, half.total().first - below.first};
}

/// Newton's step towards the threshold where a little more clipping costs as much as a finer step gains:
///   t' = (sum of |x| > t - noise * other) / (noise + number of |x| > t),   noise = inside / (12 steps^2).
/// `other`: the width of the range on the other side of zero, 0 for the symmetric scheme.
inline double octav_step(const OctavEnd& end, double noise, double other) {
  const double weight = noise + end.mass;
  return weight > 0.0 ? std::max(0.0, (end.first - noise * other) / weight) : 0.0;
}

/// Both thresholds in bins, `steps` steps over the whole of [-low, high], or over one side of [-t, t].
struct OctavRange {
  double low, high;
};

inline OctavRange octav_iterate(const HalfMoments& negative, const HalfMoments& positive, double steps,
                                bool symmetric, const OctavOptions& options) {
  const double all = negative.total().mass + positive.total().mass;
  const auto mean = [](const HalfMoments& half) {
    return half.total().mass > 0.0 ? half.total().first / half.total().mass : 0.0;
  };
  OctavRange t{mean(negative), mean(positive)};
  if (symmetric) t.low = t.high = (negative.total().first + positive.total().first) / all;
  for (int k = 0; k < options.iterations; ++k) {
    const OctavEnd low = beyond(negative, t.low);
    const OctavEnd high = beyond(positive, t.high);
    const double noise = (all - low.mass - high.mass) / (12.0 * steps * steps);
    OctavRange next{octav_step(low, noise, t.high), octav_step(high, noise, t.low)};
    if (symmetric)
      next.low = next.high = octav_step({low.mass + high.mass, low.first + high.first}, noise, 0);
    const bool settled = std::fabs(next.low - t.low) <= options.tolerance * next.low &&
                         std::fabs(next.high - t.high) <= options.tolerance * next.high;
    t = next;
    if (settled) break;
  }
  return t;
}

}  // namespace detail

/// The threshold at which the noise of rounding and the error of clipping balance, by Newton's method: the
/// minimum of T^2 / (12 steps^2) * (number of 0 < |x| <= T) + sum over |x| > T of (|x| - T)^2, where every
/// value inside is taken to carry the noise of a uniform quantizer. It differs from threshold_mse where the
/// density changes within a step. Exact zeros are left out. Steps as choose_symmetric has them: 127 for
/// signed data, 255 for [0, 255] and non-negative data. asymmetric: both ends at once, each with the noise of
/// the common step; an end may come out as zero. Never outside the seen range. Cost: microseconds. {0, 0} for
/// an empty or all-zero histogram. Throws std::invalid_argument for invalid levels or options.
/// Source: Sakr et al., "Optimal Clipping and Magnitude-aware Differentiation for Improved Quantization-aware
/// Training", 2022, whose 4^-B / 3 is 1 / (12 steps^2) for steps = 2^(B - 1); the asymmetric form is its
/// extension to two thresholds.
[[nodiscard]] inline Range threshold_octav(const Histogram& histogram, Levels levels, Scheme scheme,
                                           const OctavOptions& options = {}) {
  check(levels);
  if (options.iterations < 1) throw std::invalid_argument("threshold_octav: iterations must be at least 1");
  if (!(options.tolerance >= 0.0))
    throw std::invalid_argument("threshold_octav: tolerance must not be negative");
  if (detail::largest_magnitude(histogram) <= 0.0) return {0.0F, 0.0F};
  const detail::HalfMoments negative(histogram.negative());
  const detail::HalfMoments positive(histogram.positive());
  const double width = histogram.bin_width();
  if (scheme == Scheme::symmetric) {
    const std::int32_t zero_point = symmetric_zero_point(levels, histogram.has_negative());
    const double steps = detail::symmetric_steps(levels, zero_point, histogram.has_negative());
    const double t = detail::octav_iterate(negative, positive, steps, true, options).high * width;
    return detail::symmetric_range(histogram, std::min(t, detail::largest_magnitude(histogram)));
  }
  const double steps = levels.qmax - levels.qmin;
  const detail::OctavRange t = detail::octav_iterate(negative, positive, steps, false, options);
  const Range seen = widen_to_zero(histogram.range());
  return {std::max(static_cast<float>(-t.low * width), seen.min) + 0.0F,
          std::min(static_cast<float>(t.high * width), seen.max)};
}

}  // namespace refcalib
