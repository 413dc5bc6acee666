#pragma once

#include <string>
#include <vector>

#include "engine/calibration/options.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Marks the layers that the selection leaves in float, in the simplified form of `original`; a layer that was fused into another is
/// left in float with that one. Returns the names of all marked nodes. Throws UsageError naming the entries that match no layer, with the
/// nearest name.
std::vector<std::string> mark_float_layers(Graph& simplified, const Graph& original,
                                           const LayerSelection& selection);

}  // namespace refcalib::engine
