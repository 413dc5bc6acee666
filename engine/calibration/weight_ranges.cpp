#include "engine/calibration/weight_ranges.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {

const Node* source_layer(const Graph& original, const std::string& name) {
  for (const NodeId id : original.order()) {
    const Node& node = original.node(id);
    if (node.name == name && source_weights(original, node) != nullptr) return &node;
  }
  return nullptr;
}

const Constant* source_weights(const Graph& original, const Node& node) {
  if (node.inputs.size() < 2) return nullptr;
  ValueId id = node.inputs[1];
  while (!original.value(id).constant) {
    const Node* producer = original.producer(id);
    if (producer == nullptr || (producer->op != "FakeQuantize" && producer->op != "Reshape")) return nullptr;
    id = producer->inputs.front();
  }
  return &original.value(id).constant;
}

std::vector<QuantizationRange> weight_ranges(const Graph& original, const Node& node, const Constant& weights,
                                             bool per_channel) {
  const std::vector<float> w = weights.to_floats();
  const WeightChannels channel = weight_channels_of(original, node);
  std::vector<float> largest(per_channel ? channel.count() : 1, 0.0F);
  for (std::size_t i = 0; i < w.size(); ++i) {
    float& top = largest[per_channel ? channel.of(i) : 0];
    top = std::max(top, std::abs(w[i]));
  }
  // A channel of zeros, or of denormal size, has no scale of its own.
  constexpr float smallest = 1e-30F;
  std::vector<QuantizationRange> ranges;
  for (const float top : largest)
    ranges.push_back(top < smallest ? QuantizationRange{-1.0F, 1.0F} : QuantizationRange{-top, top});
  return ranges;
}

}  // namespace refcalib::engine
