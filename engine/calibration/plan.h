#pragma once

#include <string>
#include <vector>

#include "engine/calibration/candidates.h"
#include "engine/calibration/options.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A network as calibration sees it: without quantization, simplified as both FP32 and INT8 execution simplify it. Statistics are of the
/// values of this graph.
Graph float_graph(const Graph& original);

/// What will be calibrated of a network under given options.
struct CalibrationPlan {
  Graph simplified;                     ///< float_graph, with the layers marked that stay in float
  Candidates candidates;                ///< of `simplified`
  std::vector<std::string> keep_float;  ///< names of the marked layers
};

/// Throws UsageError if options name layers that do not exist, or nothing can run in INT8.
CalibrationPlan plan_calibration(const Graph& original, const CalibrationOptions& options);

/// The values of float_graph that statistics are of: all that could be stored in integers under any options, and the results of all
/// layers with weights, in the order of their ids.
std::vector<ValueId> observed_values(const Graph& simplified);

/// The dimension that counts the channels of a value: the last one of a [batch, positions, features] value that matrix products
/// read, else 1.
std::size_t channel_axis(const Graph& simplified, ValueId id);

}  // namespace refcalib::engine
