#pragma once

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// True if the node can read integers whose scale differs by channel: a depthwise convolution as it is, any other
/// convolution with constant weights after fold_input_scales().
bool takes_channel_scales(const Graph& graph, const Node& node);

/// For an integer convolution over several channels whose input has a scale s[c] per channel: gives it weights
/// w * s[c] / max(s), so that all channels count in units of the largest scale. Nothing is done for other nodes.
/// Weight scales that a file stated describe other weights then, and are dropped.
void fold_input_scales(Graph& graph, NodeId id);

}  // namespace refcalib::engine
