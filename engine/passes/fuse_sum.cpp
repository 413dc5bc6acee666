#include <algorithm>
#include <array>

#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/match.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

std::size_t position(const std::vector<NodeId>& order, NodeId id) {
  return id == kNone
             ? 0
             : static_cast<std::size_t>(std::find(order.begin(), order.end(), id) - order.begin()) + 1;
}

/// The convolution that can absorb the addition, and the other operand. Of two, the later one, so that the other operand
/// has been computed when it runs.
std::optional<std::pair<NodeId, ValueId>> match(const Graph& graph, const Node& add) {
  const std::vector<NodeId> order = graph.order();
  std::optional<std::pair<NodeId, ValueId>> best;
  const std::array<bool, 2> rounded = add.attributes.as<EltwiseAttributes>().rounded;
  for (std::size_t side = 0; side < 2; ++side) {
    if (rounded[side]) continue;
    const ValueId data = add.inputs[side], other = add.inputs[1 - side];
    const auto conv = sole_weighted_producer(graph, data);
    if (!conv || weighted_traits(graph.node(*conv))->set_residual == nullptr || data == other ||
        graph.value(other).constant)
      continue;
    if (!is_linear(graph, graph.node(*conv))) continue;
    if (graph.value(other).shape != graph.value(data).shape || graph.value(data).shape.size() > 5) continue;
    if (position(order, graph.value(other).producer) > position(order, *conv)) continue;
    if (graph.value(other).dtype != DType::f32) continue;
    if (!best || position(order, *conv) > position(order, best->first)) best = {*conv, other};
  }
  return best;
}

}  // namespace

/// A convolution (also transposed) followed by the addition of another tensor of the same shape: the addition moves into the convolution's
/// epilogue, unless the file rounds the convolution's result in between.
void fuse_sum(Graph& graph) {
  for (const NodeId id : graph.order()) {
    const Node add = graph.node(id);
    if (add.op != "Eltwise" || add.attributes.as<EltwiseAttributes>().operation != "add") continue;
    const auto found = match(graph, add);
    if (!found) continue;
    const auto [conv_id, residual] = *found;
    ensure_bias(graph, conv_id);
    Node& conv = graph.node(conv_id);
    conv.inputs.push_back(residual);
    const WeightedTraits& traits = *weighted_traits(conv);
    traits.set_residual(conv.attributes);
    traits.set_activation(conv.attributes, add.attributes.as<EltwiseAttributes>().activation);
    graph.erase(id);
    graph.node(conv_id).outputs.front() = add.outputs.front();
    graph.value(add.outputs.front()).producer = conv_id;
  }
}

}  // namespace refcalib::engine
