#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/match.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

std::optional<std::vector<float>> bias_constant(const Graph& graph, const Node& weighted, ValueId constant) {
  const Value& value = graph.value(constant);
  const Shape& out = graph.value(weighted.outputs.front()).shape;
  if (weighted_traits(weighted)->spatial) return channel_constant(graph, constant, out);
  // A matrix product's bias aligns with the last dimension.
  Shape view = value.shape;
  if (view.empty()) view = {1};
  for (std::size_t d = 0; d + 1 < view.size(); ++d)
    if (view[d] != 1) return std::nullopt;
  if (!value.constant || !is_float(value.constant.dtype())) return std::nullopt;
  std::vector<float> floats = value.constant.to_floats();
  const auto channels = static_cast<std::size_t>(out.empty() ? 1 : out.back());
  if (floats.size() == 1) return std::vector<float>(channels, floats.front());
  if (floats.size() != channels) return std::nullopt;
  return floats;
}

bool fuse_one(Graph& graph, NodeId add_id) {
  const Node add = graph.node(add_id);
  for (std::size_t side = 0; side < 2; ++side) {
    const ValueId data = add.inputs[side], constant = add.inputs[1 - side];
    const auto producer = sole_weighted_producer(graph, data);
    if (!producer || !is_linear(graph, graph.node(*producer)) ||
        graph.value(add.outputs.front()).shape != graph.value(data).shape)
      continue;
    if (graph.value(data).quantization) continue;  // the sum is taken of integers; keep it
    auto bias = bias_constant(graph, graph.node(*producer), constant);
    if (!bias) continue;
    Node& weighted = graph.node(*producer);
    if (weighted.inputs.size() > 2) {
      const std::vector<float> old = graph.value(weighted.inputs[2]).constant.to_floats();
      for (std::size_t c = 0; c < bias->size(); ++c) (*bias)[c] += old[old.size() == 1 ? 0 : c];
    }
    const auto count = static_cast<std::int64_t>(bias->size());
    const ValueId id = graph.add_constant(add.name + "/bias", Constant::f32({count}, std::move(*bias)));
    Node& target = graph.node(*producer);
    target.inputs.resize(2);
    target.inputs.push_back(id);
    // The fused node writes the value that the addition wrote, under that value's name.
    graph.erase(add_id);
    target.outputs.front() = add.outputs.front();
    graph.value(add.outputs.front()).producer = *producer;
    return true;
  }
  return false;
}

}  // namespace

/// A convolution (also transposed) or matrix product followed by the addition of a constant per channel: the constant becomes the bias.
void fuse_bias(Graph& graph) {
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (node.op == "Eltwise" && node.attributes.as<EltwiseAttributes>().operation == "add")
      fuse_one(graph, id);
  }
}

}  // namespace refcalib::engine
