#pragma once

#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What INT8 execution of a graph needs to know.
struct Candidates {
  /// Sets of values that would be stored as u8 and must share one range.
  std::vector<std::vector<ValueId>> groups;
  /// Convolutions and matrix products that would run on integers.
  std::vector<NodeId> weighted;
};

/// Finds out by placing INT8 as if every value had a range: no rule is written twice. `graph` is simplified; layers of
/// the options' ignore lists carry PrecisionHint::keep_float already.
Candidates find_candidates(const Graph& graph);

}  // namespace refcalib::engine
