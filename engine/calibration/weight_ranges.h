#pragma once

#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The layer of that name with constant weights, or nullptr.
const Node* source_layer(const Graph& original, const std::string& name);

/// The constant weights of a node, also from in front of an earlier calibration's FakeQuantize; nullptr if they are computed.
const Constant* source_weights(const Graph& original, const Node& node);

/// Largest magnitudes of the weights as the file has them, one per output channel or one for all; [-1, 1] where they are all zero.
std::vector<QuantizationRange> weight_ranges(const Graph& original, const Node& node, const Constant& weights,
                                             bool per_channel);

}  // namespace refcalib::engine
