#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <refcalib/statistics.hpp>
#include <string>
#include <vector>

#include "engine/graph/quantization.h"

namespace refcalib::engine {

/// How much the extremes of a network's values still depend on the number of samples.
struct Convergence {
  /// By how much the second half of the samples widens the ranges that the first half gives, as a share of the latter: on average over
  /// values and all ways to halve the samples, and for the value where it is most.
  double mean_growth = 0, largest_growth = 0;
  std::string largest_value;
  /// The smallest number of samples that gives, on average, kConverged of the ranges of all.
  std::uint64_t enough = 0;
  static constexpr double kConverged = 0.99;
};

/// From the records of single samples, exactly: a random subset of n of N samples has the k-th largest of their maxima as its own with
/// the probability C(N - k, n - 1) / C(N, n). nullopt without records, or with fewer than two samples.
std::optional<Convergence> convergence(const Statistics& statistics);

/// The expected width of the range of n samples, as a share of that of all; `ranges`: of the single samples.
double expected_share(const std::vector<Range>& ranges, std::size_t n);

/// What to make of it, in a sentence.
std::string describe(const Convergence& convergence, std::uint64_t samples);

/// How many samples reach into the outermost quarter of a range, on the side where fewer do; a side of less than a quarter of the
/// range does not count.
std::size_t samples_that_reach(const QuantizationRange& range, const std::vector<Range>& ranges);

}  // namespace refcalib::engine
