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

/// What a channel's factor may be.
struct FactorBounds {
  double least = 1, most = 1;
};

/// Factors for the channels between two layers of which each has one scale for all its weights: what counts is how far a channel stays
/// behind the largest one of its layer, so that
///   s = sqrt((first / largest of first) / (second / largest of second))
/// within its bounds. A channel that one of the layers leaves empty (a range below `negligible` of the layer's largest: a filter whose
/// weights were trained to nothing) costs that layer no precision by whatever factor. It does not count for the other's largest either,
/// and takes the factor that brings it to 1/16 of that, if it lies above. (Other implementations leave such channels as they are: in
/// MobileNetV2, whose folded normalizations give dead channels the largest filters, they then ruin the scale of all.)
/// Ranges that are not finite keep the factor 1. Throws std::invalid_argument if sizes differ.
[[nodiscard]] inline std::vector<double> equalize_shared(std::span<const double> first,
                                                         std::span<const double> second,
                                                         std::span<const FactorBounds> bounds,
                                                         double negligible = 1e-5) {
  detail::check_same_size(first.size(), second.size(), "equalize_shared");
  detail::check_same_size(first.size(), bounds.size(), "equalize_shared");
  constexpr double share = 1.0 / 16;
  const auto largest_of = [](std::span<const double> ranges, const auto& counts) {
    double largest = 0;
    for (std::size_t i = 0; i < ranges.size(); ++i)
      if (std::isfinite(ranges[i]) && counts(i)) largest = std::max(largest, ranges[i]);
    return largest;
  };
  const auto all = [](std::size_t) { return true; };
  const double floor1 = negligible * largest_of(first, all), floor2 = negligible * largest_of(second, all);
  const auto filled1 = [&](std::size_t i) { return first[i] > floor1; };
  const auto filled2 = [&](std::size_t i) { return second[i] > floor2; };
  const double top1 = largest_of(first, filled2), top2 = largest_of(second, filled1);
  std::vector<double> factors(first.size(), 1.0);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (!std::isfinite(first[i]) || !std::isfinite(second[i])) continue;
    double wanted = 1;
    if (filled1(i) && filled2(i))
      wanted = std::sqrt(first[i] / top1 / (second[i] / top2));
    else if (filled2(i) && top2 > 0)
      wanted = std::min(1.0, share * top2 / second[i]);
    else if (filled1(i) && top1 > 0)
      wanted = std::max(1.0, first[i] / (share * top1));
    factors[i] = std::clamp(wanted, bounds[i].least, bounds[i].most);
  }
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

/// What rounding brings to the outputs of a layer whose input channels are divided by factors and whose weights are multiplied by them, as
/// a part of what the channels bring to the outputs if they are independent. `weights`: [outputs][depth], depth = channels * area;
/// `factors`: of the channels; `steps`: of the divided channels' values; `deviations`: of the undivided ones. Errors of values are taken as
/// uniform (variance step^2 / 12), those of weights likewise with one step of `levels` per output:
///   values:  sum_o,c,k w[o,c,k]^2 f[c]^2 step[c]^2 / 12
///   weights: sum_o (max_c,k |w[o,c,k]| f[c] / levels)^2 / 12 * sum_c area (deviation[c] / f[c])^2
/// Means of errors are left out: corrected biases take them up. 0 if the channels bring nothing. Throws std::invalid_argument if sizes do
/// not fit.
[[nodiscard]] inline double rounding_noise(std::span<const double> weights, std::size_t outputs,
                                           std::span<const double> factors, std::span<const double> steps,
                                           std::span<const double> deviations, double levels = 127) {
  detail::check_same_size(factors.size(), steps.size(), "rounding_noise");
  detail::check_same_size(factors.size(), deviations.size(), "rounding_noise");
  if (outputs == 0 || factors.empty() || weights.size() % (outputs * factors.size()) != 0)
    throw std::invalid_argument("rounding_noise: sizes do not fit");
  const std::size_t depth = weights.size() / outputs, area = depth / factors.size();
  double spread = 0;
  for (std::size_t c = 0; c < factors.size(); ++c)
    spread += static_cast<double>(area) * deviations[c] * deviations[c] / (factors[c] * factors[c]);
  double signal = 0, noise = 0;
  for (std::size_t o = 0; o < outputs; ++o) {
    double largest = 0;
    for (std::size_t k = 0; k < depth; ++k) {
      const std::size_t c = k / area;
      const double w = weights[o * depth + k];
      signal += w * w * deviations[c] * deviations[c];
      noise += w * w * factors[c] * factors[c] * steps[c] * steps[c] / 12;
      largest = std::max(largest, std::abs(w) * factors[c]);
    }
    noise += largest * largest / (levels * levels) / 12 * spread;
  }
  return signal > 0 ? noise / signal : 0;
}

}  // namespace refcalib
