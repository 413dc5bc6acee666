#include "engine/calibration/convergence.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace refcalib::engine {
namespace {

/// Expected largest of n of the numbers, which are sorted in falling order. The probability that it is number k (from 0) is
/// C(N - 1 - k, n - 1) / C(N, n): n / N for k = 0, and each next one (N - n - k) / (N - 1 - k) times the one before.
double expected_largest(const std::vector<float>& falling, std::size_t n) {
  const auto total = static_cast<double>(falling.size());
  double probability = static_cast<double>(n) / total, sum = 0;
  for (std::size_t k = 0; k + n <= falling.size(); ++k) {
    sum += probability * static_cast<double>(falling[k]);
    const auto place = static_cast<double>(k);
    probability *= (total - static_cast<double>(n) - place) / std::max(total - 1 - place, 1.0);
  }
  return sum;
}

/// Extremes of the samples, zero included as in every range, and finite.
struct SortedExtremes {
  std::vector<float> high, low;  ///< low with its sign turned; both falling

  explicit SortedExtremes(const std::vector<Range>& ranges) {
    for (const Range& range : ranges) {
      high.push_back(std::isfinite(range.max) ? std::max(range.max, 0.0F) : 0.0F);
      low.push_back(std::isfinite(range.min) ? std::max(-range.min, 0.0F) : 0.0F);
    }
    std::sort(high.begin(), high.end(), std::greater<>());
    std::sort(low.begin(), low.end(), std::greater<>());
  }

  double share(std::size_t n) const {
    const double full = static_cast<double>(high.front()) + static_cast<double>(low.front());
    return full > 0 ? (expected_largest(high, n) + expected_largest(low, n)) / full : 1.0;
  }
};

}  // namespace

double expected_share(const std::vector<Range>& ranges, std::size_t n) {
  return ranges.empty() || n == 0 ? 0.0 : SortedExtremes(ranges).share(std::min(n, ranges.size()));
}

std::optional<Convergence> convergence(const Statistics& statistics) {
  const std::size_t samples = statistics.samples.size();
  if (samples < 2 || statistics.values.empty() || !statistics.origin.records.ranges) return std::nullopt;
  Convergence result;
  std::vector<SortedExtremes> values;
  for (const auto& [name, value] : statistics.values) {
    values.emplace_back(value.sample_ranges);
    const double growth = 1 / std::max(values.back().share(samples / 2), 1e-9) - 1;
    result.mean_growth += growth / static_cast<double>(statistics.values.size());
    if (growth > result.largest_growth || result.largest_value.empty()) {
      result.largest_growth = growth;
      result.largest_value = name;
    }
  }
  const auto mean_share = [&](std::size_t n) {
    double sum = 0;
    for (const SortedExtremes& value : values) sum += value.share(n);
    return sum / static_cast<double>(values.size());
  };
  std::size_t low = 0, high = samples;  // the share of `high` is enough, that of `low` is not
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (mean_share(middle) >= Convergence::kConverged ? high : low) = middle;
  }
  result.enough = high;
  return result;
}

std::string describe(const Convergence& convergence, std::uint64_t samples) {
  const std::string enough = std::to_string(convergence.enough), all = std::to_string(samples);
  if (convergence.mean_growth <= 1 - Convergence::kConverged)
    return "convergence: " + enough + " of the " + all +
           " samples give 99 % of the extremes; more would hardly change them";
  return "convergence: " + enough + " of the " + all +
         " samples are needed for 99 % of the extremes; more samples would still widen them";
}

std::size_t samples_that_reach(const QuantizationRange& range, const std::vector<Range>& ranges) {
  const float width = range.high - range.low;
  std::size_t above = 0, below = 0;
  for (const Range& sample : ranges) {
    above += sample.max >= 0.75F * range.high;
    below += sample.min <= 0.75F * range.low;
  }
  std::size_t fewest = ranges.size();
  if (range.high >= width / 4) fewest = std::min(fewest, above);
  if (-range.low >= width / 4) fewest = std::min(fewest, below);
  return fewest;
}

}  // namespace refcalib::engine
