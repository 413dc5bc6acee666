#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/calibration/options.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Names of the layers of `original` that a node of its simplified form stands for: those on the way from the layer that gave it its
/// name to the one that gave it the name of its result.
std::set<std::string> layers_of(const Graph& original, const Graph& simplified, const Node& node);

/// Marks the layers that the selection leaves in float, in the simplified form of `original`; a layer that was fused into another is
/// left in float with that one. Returns the names of all marked nodes. Throws UsageError naming the entries that match no layer, with the
/// nearest name.
std::vector<std::string> mark_float_layers(Graph& simplified, const Graph& original,
                                           const LayerSelection& selection);

}  // namespace refcalib::engine
