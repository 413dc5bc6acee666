#include "engine/search/ranking_subset.h"

#include <algorithm>
#include <cmath>

namespace refcalib::engine {
namespace {

/// What a sample that stands for itself weighs: shares of samples are rounded to this part.
constexpr double kUnit = 16;

/// `size` of the candidates, evenly.
std::vector<std::size_t> evenly(const std::vector<std::size_t>& candidates, std::size_t size) {
  std::vector<std::size_t> chosen;
  const std::size_t count = std::min(size, candidates.size());
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(candidates[i * candidates.size() / count]);
  return chosen;
}

void add(RankingSubset& subset, const std::vector<std::size_t>& candidates, std::size_t size) {
  const std::vector<std::size_t> chosen = evenly(candidates, size);
  for (const std::size_t sample : chosen)
    subset.weights[sample] = static_cast<std::uint32_t>(
        std::lround(kUnit * static_cast<double>(candidates.size()) / static_cast<double>(chosen.size())));
  subset.samples.insert(subset.samples.end(), chosen.begin(), chosen.end());
}

}  // namespace

RankingSubset RankingSubset::even(std::size_t all, std::size_t size) {
  RankingSubset subset{{}, std::vector<std::uint32_t>(all, 0)};
  std::vector<std::size_t> candidates(all);
  for (std::size_t i = 0; i < all; ++i) candidates[i] = i;
  subset.samples = evenly(candidates, size);
  for (const std::size_t sample : subset.samples) subset.weights[sample] = 1;
  return subset;
}

RankingSubset RankingSubset::stratified(const std::vector<double>& first, const std::vector<double>& second,
                                        std::size_t size) {
  std::vector<std::size_t> different, equal;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (std::isnan(first[i]) || std::isnan(second[i])) continue;
    (first[i] != second[i] ? different : equal).push_back(i);
  }
  RankingSubset subset{{}, std::vector<std::uint32_t>(first.size(), 0)};
  std::size_t half = std::min(different.size(), (size + 1) / 2);
  half = std::max(half, size - std::min(size, equal.size()));
  add(subset, different, half);
  add(subset, equal, size - std::min(size, half));
  std::sort(subset.samples.begin(), subset.samples.end());
  return subset;
}

}  // namespace refcalib::engine
