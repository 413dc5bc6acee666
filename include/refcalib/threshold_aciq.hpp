#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <refcalib/detail/density.hpp>
#include <refcalib/detail/rounding_error.hpp>
#include <refcalib/params.hpp>
#include <stdexcept>

namespace refcalib {

/// What the values are taken to be distributed like.
enum class AciqDistribution { gauss, laplace };

/// The best threshold for a distribution about zero, in units of its standard deviation (Gauss) or of its
/// mean magnitude (Laplace), when `steps` steps lie on either side of zero, or on the one side of the folded
/// distribution: the root of
///   t / (6 steps^2) = 4 * integral over x > t of (x - t) f(x),
/// rounded to a multiple of 2^-20. With steps = 2^(bits - 1) these are the constants of the paper: Gauss 4
/// bits 2.559, 8 bits 3.924; Laplace 5.029 and 9.897. steps > 0; throws std::invalid_argument otherwise.
[[nodiscard]] inline double aciq_threshold(AciqDistribution distribution, double steps) {
  if (!(steps > 0.0)) throw std::invalid_argument("aciq_threshold: steps must be above 0");
  const auto excess = [&](double t) {
    if (distribution == AciqDistribution::laplace) return 0.5 * std::exp(-t);
    const double density = std::exp(-0.5 * t * t) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
    return density - 0.5 * t * std::erfc(t / std::numbers::sqrt2);
  };
  double low = 0.0;
  double high = 64.0;
  for (int k = 0; k < 50; ++k) {
    const double t = 0.5 * (low + high);
    (4.0 * excess(t) > t / (6.0 * steps * steps) ? low : high) = t;
  }
  // C libraries differ in the last bits of exp and erfc; those must not reach the result.
  return std::ldexp(std::nearbyint(std::ldexp(low, 20)), -20);
}

namespace detail {

/// Moments of the values of a histogram that are not zero. Unit of length: one bin.
struct AciqMoments {
  double mean;
  double deviation;       ///< root of the mean squared distance from `centre`
  double mean_magnitude;  ///< mean distance from `centre`
};

/// About their mean, or about zero.
inline AciqMoments aciq_moments(const Histogram& histogram, bool about_mean) {
  const HalfMoments positive(histogram.positive());
  const HalfMoments negative(histogram.negative());
  const double n = positive.total().mass + negative.total().mass;
  const double mean = (positive.total().first - negative.total().first) / n;
  const double square = (positive.total().second + negative.total().second) / n;
  if (!about_mean) {
    return {0.0, std::sqrt(square), (positive.total().first + negative.total().first) / n};
  }
  // Half of the distances from the mean lie on either side of it.
  const double beyond = mean >= 0.0 ? RoundingError(histogram.positive()).excess(mean)
                                    : RoundingError(histogram.negative()).excess(-mean);
  return {mean, std::sqrt(std::max(0.0, square - mean * mean)), 2.0 * beyond / n};
}

}  // namespace detail

/// Analytical clipping: the values are taken to follow a Gauss or Laplace distribution whose width is
/// estimated from all of them, and the threshold that is best for it is taken (aciq_threshold). Values of one
/// sign, as a ReLU leaves them, are taken to follow the folded distribution, exact zeros left out: one-sided
/// ACIQ. Values of both signs: symmetric about zero under the symmetric scheme, about their mean under the
/// asymmetric one. Never outside the seen range. The width is that of the histogram and not guessed from its
/// maximum, as some implementations do, so a single outlier hardly moves it. {0, 0} for an empty or all-zero
/// histogram. Throws std::invalid_argument for invalid levels.
/// Source: Banner, Nahshan, Hoffer, Soudry: "ACIQ: Analytical Clipping for Integer Quantization of neural
/// networks", 2018.
[[nodiscard]] inline Range threshold_aciq(const Histogram& histogram, Levels levels, Scheme scheme,
                                          AciqDistribution distribution) {
  check(levels);
  const double largest = detail::largest_magnitude(histogram);
  if (largest <= 0.0) return {0.0F, 0.0F};
  const Range seen = widen_to_zero(histogram.range());
  const bool one_sided = seen.min == 0.0F || seen.max == 0.0F;
  const double width = histogram.bin_width();
  const bool centred = scheme == Scheme::asymmetric && !one_sided;
  const detail::AciqMoments moments = detail::aciq_moments(histogram, centred);
  const double unit = distribution == AciqDistribution::gauss ? moments.deviation : moments.mean_magnitude;
  if (scheme == Scheme::symmetric) {
    const std::int32_t zero_point = symmetric_zero_point(levels, histogram.has_negative());
    const double steps = detail::symmetric_steps(levels, zero_point, histogram.has_negative());
    const double t = aciq_threshold(distribution, steps) * unit * width;
    return detail::symmetric_range(histogram, std::min(t, largest));
  }
  const double steps = (levels.qmax - levels.qmin) / (one_sided ? 1.0 : 2.0);
  const double t = aciq_threshold(distribution, steps) * unit * width;
  const double centre = moments.mean * width;
  return widen_to_zero({std::max(static_cast<float>(centre - t), seen.min),
                        std::min(static_cast<float>(centre + t), seen.max)});
}

}  // namespace refcalib
