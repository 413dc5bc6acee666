#include <algorithm>
#include <cmath>
#include <tuple>

#include "engine/evaluation/evaluate.h"

namespace refcalib::engine {
namespace {

constexpr std::size_t kBootstrapSamples = 1000;
constexpr double kNormal975 = 1.959963984540054;  // quantile of the normal distribution for 95 %

/// SplitMix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t n) {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % n);
  }

 private:
  std::uint64_t state_;
};

/// The 2.5 % and 97.5 % percentiles of `of` over bootstrap samples.
template <class F>
std::pair<double, double> percentiles(std::size_t samples, const F& of) {
  Random random(20260101);
  std::vector<double> all;
  std::vector<std::uint32_t> weights(samples);
  for (std::size_t b = 0; b < kBootstrapSamples && samples > 0; ++b) {
    std::fill(weights.begin(), weights.end(), 0U);
    for (std::size_t i = 0; i < samples; ++i) ++weights[random.below(samples)];
    if (const double value = of(weights); !std::isnan(value)) all.push_back(value);
  }
  if (all.empty()) return {ratio(0, 0), ratio(0, 0)};
  std::sort(all.begin(), all.end());
  const auto at = [&](double share) {
    const double place = share * static_cast<double>(all.size() - 1);
    const auto low = static_cast<std::size_t>(place);
    const std::size_t high = std::min(low + 1, all.size() - 1);
    return all[low] + (all[high] - all[low]) * (place - static_cast<double>(low));
  };
  return {at(0.025), at(0.975)};
}

bool is_right_or_wrong(const std::vector<double>& scores) {
  return std::all_of(scores.begin(), scores.end(),
                     [](double x) { return std::isnan(x) || x == 0 || x == 1; });
}

}  // namespace

PairedDifference paired_difference(const Metric& first, const Metric& second, std::size_t samples) {
  PairedDifference result;
  const auto a = first.per_sample(), b = second.per_sample();
  if (a && b && is_right_or_wrong(*a) && is_right_or_wrong(*b)) {
    double n = 0;
    for (std::size_t i = 0; i < samples; ++i) {
      if (std::isnan((*a)[i]) || std::isnan((*b)[i])) continue;
      ++n;
      result.better += (*b)[i] > (*a)[i] ? 1U : 0U;
      result.worse += (*b)[i] < (*a)[i] ? 1U : 0U;
    }
    const double better = static_cast<double>(result.better), worse = static_cast<double>(result.worse);
    result.difference = ratio(better - worse, n);
    const double total = n + 2, p = (better + 0.5) / total, q = (worse + 0.5) / total;
    const double half = kNormal975 * std::sqrt((p + q - (p - q) * (p - q)) / total);
    result.low = std::max(-1.0, (p - q) - half);
    result.high = std::min(1.0, (p - q) + half);
    return result;
  }
  const std::vector<std::uint32_t> all(samples, 1);
  result.difference = second.value(all) - first.value(all);
  std::tie(result.low, result.high) = percentiles(samples, [&](const std::vector<std::uint32_t>& weights) {
    return second.value(weights) - first.value(weights);
  });
  return result;
}

std::pair<double, double> bootstrap_interval(const Metric& metric, std::size_t samples) {
  return percentiles(samples,
                     [&](const std::vector<std::uint32_t>& weights) { return metric.value(weights); });
}

}  // namespace refcalib::engine
