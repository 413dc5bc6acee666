#pragma once

#include <set>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The layers with weights that a calibrated network runs in INT8, in the order in which they run, by the names of their nodes.
std::vector<std::string> int8_layers(const Graph& calibrated);

/// The calibrated network with these of its layers with weights in INT8 and all others in float.
Graph with_int8_layers(Graph calibrated, const std::set<std::string>& layers);

}  // namespace refcalib::engine
