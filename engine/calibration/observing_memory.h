#pragma once

#include <cstddef>
#include <refcalib/value_statistics.hpp>
#include <vector>

#include "engine/runtime/program.h"

namespace refcalib::engine {

/// How to observe values of a network within a bound of memory.
struct ObservingPlan {
  std::size_t threads = 1;  ///< each with a session and observers of its own
  std::vector<std::vector<ValueId>>
      passes;             ///< all samples are run once for each of them, which observes these values
  std::size_t bytes = 0;  ///< the most that is in use at once, never underestimated
};

/// What is to be observed.
struct Observing {
  const Program& program;
  const std::vector<ValueId>& values;
  std::size_t samples;  ///< for how many records are kept
  SampleRecords records;
  std::size_t threads;  ///< at most
};

/// `bound`: bytes for the memory of sessions (intermediate values of one run each), for the statistics that are being made, and for the
/// finished ones of all values, that limits are decided from; the network itself and pictures that are decoded come on top. 0: no bound.
/// Of the plans that fit the one with the fewest runs for each thread is taken, of those the one with the most threads.
/// Throws UsageError that names the least bound if one value at a time is too much.
ObservingPlan plan_observing(const Observing& what, std::size_t bound);

}  // namespace refcalib::engine
