#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/calibration/calibrate.h"
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

/// Marks the layers that the options leave in float, in the simplified form of `original`; a layer that was fused into another is
/// left in float with that one. Throws UsageError naming the entries of the ignore lists that match no layer.
std::vector<std::string> mark_float_layers(Graph& simplified, const Graph& original,
                                           const CalibrationOptions& options);

}  // namespace refcalib::engine
