#include "engine/passes/match.h"

#include "engine/ops/op.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {

std::optional<NodeId> sole_producer(const Graph& graph, ValueId value, std::string_view op) {
  const NodeId producer = graph.value(value).producer;
  if (producer == kNone || graph.node(producer).op != op) return std::nullopt;
  if (graph.is_output(value) || graph.consumers(value).size() != 1) return std::nullopt;
  return producer;
}

bool takes_epilogue(const Graph& graph, const Node& weighted) {
  const auto capable = op_record(weighted.op).integer_capable;
  return capable == nullptr || capable(graph, weighted);
}

std::optional<NodeId> sole_weighted_producer(const Graph& graph, ValueId value) {
  const Node* producer = graph.producer(value);
  if (producer == nullptr || weighted_traits(*producer) == nullptr) return std::nullopt;
  if (!takes_epilogue(graph, *producer)) return std::nullopt;
  return sole_producer(graph, value, producer->op);
}

void ensure_bias(Graph& graph, NodeId weighted) {
  if (graph.node(weighted).inputs.size() > 2) return;
  const Shape& shape = graph.value(graph.node(weighted).outputs.front()).shape;
  const std::int64_t channels = shape.at(weighted_traits(graph.node(weighted))->channel_axis(shape.size()));
  const ValueId zeros = graph.add_constant(
      graph.node(weighted).name + "/zero_bias",
      Constant::f32({channels}, std::vector<float>(static_cast<std::size_t>(channels), 0.0F)));
  graph.node(weighted).inputs.push_back(zeros);
}

bool is_linear(const Graph& graph, const Node& weighted) {
  for (std::size_t i = 1; i < weighted.inputs.size(); ++i)
    if (!graph.value(weighted.inputs[i]).constant) return false;
  if (!takes_epilogue(graph, weighted)) return false;
  const WeightedTraits& traits = *weighted_traits(weighted);
  return !traits.has_residual(weighted.attributes) && is_identity(traits.activation(weighted.attributes));
}

std::optional<std::vector<float>> channel_constant(const Graph& graph, ValueId constant,
                                                   const Shape& data_shape) {
  const Value& value = graph.value(constant);
  if (!value.constant || !is_float(value.constant.dtype()) || data_shape.size() < 2) return std::nullopt;
  const auto channels = static_cast<std::size_t>(data_shape[1]);
  std::vector<float> floats = value.constant.to_floats();
  if (floats.size() == 1) return std::vector<float>(channels, floats.front());
  if (floats.size() != channels || value.shape.size() > data_shape.size()) return std::nullopt;
  const std::size_t offset = data_shape.size() - value.shape.size();
  for (std::size_t d = 0; d < value.shape.size(); ++d)
    if (value.shape[d] != 1 && d + offset != 1) return std::nullopt;
  return floats;
}

}  // namespace refcalib::engine
