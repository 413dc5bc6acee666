#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {

const WeightedTraits* weighted_traits(const Node& node) noexcept {
  const OpRecord* record = find_op(node.op);
  return record == nullptr ? nullptr : record->weighted;
}

bool is_depthwise(const Graph& graph, const Node& node) {
  const WeightedTraits* traits = weighted_traits(node);
  if (traits == nullptr || !traits->spatial) return false;
  const Shape& w = graph.value(node.inputs.at(1)).shape;
  return w.size() > 2 && w[1] == 1 && w[2] == 1;
}

WeightChannels weight_channels_of(const Graph& graph, const Node& node) {
  return weighted_traits(node)->channels(node.attributes, graph.value(node.inputs.at(1)).shape);
}

}  // namespace refcalib::engine
