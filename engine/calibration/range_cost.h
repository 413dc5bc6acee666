#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/formats/ir/ir.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What rounding one value to the integers of given limits costs.
struct RangeCost {
  std::string value;
  double sqnr_db = 0;  ///< 10 log10(sum of squares / sum of squared rounding errors); infinite without errors
  double clipped = 0;  ///< share of the elements beyond the limits, 0 to 1
};

/// Runs the float network over the samples and measures each of `limits` on the value that it names, alone: nothing else is rounded.
/// In the order of `limits`; those of values that do not exist once layers are fused are left out. Does not depend on the number of
/// threads or the instruction set beyond what the float network does. Throws UsageError if no sample could be used.
std::vector<RangeCost> range_costs(const Graph& graph, const std::vector<ir::Annotation::Activation>& limits,
                                   const SampleSource& samples, int threads);

}  // namespace refcalib::engine
