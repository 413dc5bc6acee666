#pragma once

#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Sets of values that must share one quantization because only moving operations (concat, max pooling, reshape …) lie between them.
/// Every run-time value is in exactly one group; groups of one are included.
std::vector<std::vector<ValueId>> quantization_groups(const Graph& graph);

/// True if the node gives every channel (dimension 1) the values of one channel of an input: concatenation of channels, max pooling.
bool keeps_channels(const Graph& graph, const Node& node);

/// Smallest and largest real value that the integers represent, over all channels; contains 0.
QuantizationRange extent(const Quantization& q);

/// The smallest range that contains both.
QuantizationRange widest(const QuantizationRange& a, const QuantizationRange& b);

}  // namespace refcalib::engine
