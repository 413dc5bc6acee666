#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace refcalib::engine {

/// Samples that stand for a whole dataset where many networks are to be compared.
struct RankingSubset {
  std::vector<std::size_t> samples;  ///< increasing
  std::vector<std::uint32_t>
      weights;  ///< of all samples of the dataset: how many each stands for, 0 for those not chosen

  /// Chooses `size` of `all` samples, evenly.
  static RankingSubset even(std::size_t all, std::size_t size);
  /// The same, half of them from those on which the two evaluations differ (what INT8 spoils is seen there), weighted so that both halves
  /// stand for as many samples as there are of their kind. `first`, `second`: per sample, as Metric::per_sample gives them. Samples without
  /// evidence are left out.
  static RankingSubset stratified(const std::vector<double>& first, const std::vector<double>& second,
                                  std::size_t size);
};

}  // namespace refcalib::engine
