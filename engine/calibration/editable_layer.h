#pragma once

#include <optional>
#include <vector>

#include "engine/calibration/layer_samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// A layer whose weights and bias corrections may change.
struct EditableLayer {
  NodeId original = kNone;  ///< its node in the graph as the file has it
  LayerGeometry geometry;
  std::vector<float> weights, bias;  ///< as the file has them; zeros where it states no bias
};

/// The layer of the original graph that a node of the simplified one stands for. nullopt if its weights do not run as the file states them
/// (scales are folded into them, or they are computed), its bias is computed or was corrected before, or it is neither a Convolution nor
/// a MatMul of [N, K] inputs.
std::optional<EditableLayer> editable_layer(const Graph& original, const Graph& simplified, const Node& node);

}  // namespace refcalib::engine
