#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <refcalib/statistics.hpp>
#include <string>

#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// How to collect.
struct CollectOptions {
  int threads = 0;  ///< 0: all cores; the result does not depend on it
  /// Bytes for sessions and statistics, see plan_observing(): where they do not suffice for all values at once and a thread on every core,
  /// fewer threads run, or the samples are run several times, for some of the values each. 0: no bound. The result does not depend on it.
  std::size_t max_memory = 0;
  SampleRecords records;
  std::string preprocessing;  ///< in words; statistics of other words do not fit together
  /// What an interrupted collection had seen: samples that are in it are not run again.
  const Statistics* resume = nullptr;
  /// Gets all that was seen so far every `checkpoint_seconds`, and when the collection is cancelled. Called by one thread at a time,
  /// and not at all by a collection that needs several passes.
  std::function<void(const Statistics&)> checkpoint{};
  double checkpoint_seconds = 30;
};

/// What a collection saw.
struct Collected {
  Statistics statistics;
  /// The first run, in the order of their numbers, in which a value was not finite.
  std::optional<std::size_t> not_finite;
  double seconds = 0;
  std::size_t passes = 1;  ///< how often the samples were run
};

/// Runs all samples through the float network and keeps statistics of every value that could be stored in integers (observed_values).
/// Streams: memory does not grow with the number of samples but for the records of single samples. The statistics do not depend on the
/// order of the samples, the number of threads or the instruction set.
/// Throws UsageError if no sample could be used, the memory does not suffice for one value, `resume` is of another network or preparation
/// or to be gone on from in several passes, or passes saw different data; Cancelled; what `samples.fill` throws.
Collected collect(const Graph& graph, const SampleSource& samples, const CollectOptions& options = {},
                  const Progress& progress = {});

/// What collect begins with: all values, no samples.
Statistics empty_statistics(const Graph& graph, const CollectOptions& options = {});

}  // namespace refcalib::engine
