#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace refcalib::engine {

/// Indices of the k largest scores, best first; of equal scores the lower index comes first, NaN comes last.
/// Fewer if there are fewer scores.
std::vector<std::size_t> top_k(std::span<const float> scores, std::size_t k);

/// Hits of a ranking, to be divided by the number of samples.
struct TopKCount {
  std::size_t samples = 0, top1 = 0, top5 = 0;

  /// Counts one sample whose true class is `label`; a label outside the scores is a miss.
  void add(std::span<const float> scores, std::size_t label);
  double top1_percent() const noexcept { return percent(top1); }
  double top5_percent() const noexcept { return percent(top5); }

 private:
  double percent(std::size_t hits) const noexcept {
    return samples == 0 ? 0.0 : 100.0 * static_cast<double>(hits) / static_cast<double>(samples);
  }
};

}  // namespace refcalib::engine
