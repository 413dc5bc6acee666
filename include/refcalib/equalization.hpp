#pragma once

// Cross-layer equalization: factors that even out the ranges of channels between layers. A channel between two layers may be divided by
// any positive factor if the layer behind multiplies by it, as long as what lies between is positively homogeneous (f(s * x) = s * f(x)
// for s > 0: ReLU, leaky ReLU, PReLU, max pooling; a clamp at c becomes one at c / s).
// Source: Nagel, van Baalen, Blankevoort, Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction", 2019.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace refcalib {

namespace detail {

/// True for a range that equalization can work with; channels with others keep the factor 1.
inline bool usable_range(double range) {
  return std::isfinite(range) && range > 0;
}

inline void check_same_size(std::size_t a, std::size_t b, const char* what) {
  if (a != b) throw std::invalid_argument(std::string(what) + ": sizes do not fit");
}

}  // namespace detail

/// Factors s[i] for the channels between two layers: W1 row i and b1[i] are divided by s[i], W2 column i is multiplied by it. `first[i]`:
/// largest magnitude of row i of the first weights, `second[i]`: of column i of the second. Then both become sqrt(first * second):
///   s = sqrt(first / second)
/// Channels with a range of zero, or one that is not finite, keep the factor 1. Throws std::invalid_argument if sizes differ.
[[nodiscard]] inline std::vector<double> equalize_pair(std::span<const double> first,
                                                       std::span<const double> second) {
  detail::check_same_size(first.size(), second.size(), "equalize_pair");
  std::vector<double> factors(first.size(), 1.0);
  for (std::size_t i = 0; i < factors.size(); ++i)
    if (detail::usable_range(first[i]) && detail::usable_range(second[i]))
      factors[i] = std::sqrt(first[i] / second[i]);
  return factors;
}

/// Factors of a depthwise layer between two others.
struct TripleFactors {
  std::vector<double>
      before;  ///< divides row i of the first weights; multiplies filter i of the depthwise layer
  std::vector<double> behind;  ///< divides filter i and its bias; multiplies column i of the last weights
};

/// With r = (first * middle * last)^(1/3) all three become r: before = first / r, behind = r / last. Channels where one of the ranges
/// is zero or not finite keep the factors 1. Throws std::invalid_argument if sizes differ.
[[nodiscard]] inline TripleFactors equalize_triple(std::span<const double> first,
                                                   std::span<const double> middle,
                                                   std::span<const double> last) {
  detail::check_same_size(first.size(), middle.size(), "equalize_triple");
  detail::check_same_size(first.size(), last.size(), "equalize_triple");
  TripleFactors factors{std::vector<double>(first.size(), 1.0), std::vector<double>(first.size(), 1.0)};
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (!detail::usable_range(first[i]) || !detail::usable_range(middle[i]) || !detail::usable_range(last[i]))
      continue;
    const double common = std::cbrt(first[i]) * std::cbrt(middle[i]) * std::cbrt(last[i]);
    factors.before[i] = first[i] / common;
    factors.behind[i] = common / last[i];
  }
  return factors;
}

/// What can be taken out of a bias in front of a ReLU and given to the layer behind: c[i] = max(0, lowest[i]), where `lowest` is a value
/// that the channel in front of the ReLU does not fall below (mean - 3 deviations, or the least value seen). Then b1 - c keeps all
/// of it above zero, and b2[o] + sum_i W2[o,i] * c[i] makes up for it exactly where that holds.
[[nodiscard]] inline std::vector<double> absorbed_bias(std::span<const double> lowest) {
  std::vector<double> absorbed(lowest.size(), 0.0);
  for (std::size_t i = 0; i < lowest.size(); ++i)
    if (std::isfinite(lowest[i])) absorbed[i] = std::max(0.0, lowest[i]);
  return absorbed;
}

/// The same from a channel's distribution: mean[i] - 3 * deviation[i] (section 4.1.3 of the paper). Throws std::invalid_argument if sizes
/// differ.
[[nodiscard]] inline std::vector<double> absorbed_bias(std::span<const double> mean,
                                                       std::span<const double> deviation) {
  detail::check_same_size(mean.size(), deviation.size(), "absorbed_bias");
  std::vector<double> lowest(mean.size());
  for (std::size_t i = 0; i < lowest.size(); ++i) lowest[i] = mean[i] - 3 * deviation[i];
  return absorbed_bias(lowest);
}

/// Factors that even out the ranges of a tensor's channels that share one scale, wholly (strength 1) or in part:
///   s[i] = (range[i] / largest range)^strength, in (0, 1]
/// The tensor divided by s has the same largest range, so that clamps behind it that it did not reach, it does not reach either.
/// Channels with a range of zero, or one that is not finite, keep the factor 1; no factor is below `least`.
[[nodiscard]] inline std::vector<double> equalize_ranges(std::span<const double> ranges, double strength,
                                                         double least = 1.0 / 256) {
  double largest = 0;
  for (const double range : ranges)
    if (detail::usable_range(range)) largest = std::max(largest, range);
  std::vector<double> factors(ranges.size(), 1.0);
  for (std::size_t i = 0; i < ranges.size(); ++i)
    if (detail::usable_range(ranges[i]))
      factors[i] = std::max(least, std::pow(ranges[i] / largest, strength));
  return factors;
}

}  // namespace refcalib
