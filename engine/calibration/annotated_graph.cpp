#include "engine/calibration/annotated_graph.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// Where the bias of a layer stands: an input of a node.
struct BiasPlace {
  NodeId node = kNone;
  std::size_t input = 0;
};

/// nullopt: the layer has no bias.
std::optional<BiasPlace> bias_place(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.inputs.size() > 2) return BiasPlace{id, 2};
  const ValueId out = node.outputs.front();
  const std::vector<NodeId> readers = graph.consumers(out);
  if (readers.size() != 1 || graph.is_output(out)) return std::nullopt;
  const Node& reader = graph.node(readers.front());
  if (reader.op != "Eltwise" || reader.inputs.size() != 2 ||
      reader.attributes.as<EltwiseAttributes>().operation != "add")
    return std::nullopt;
  const std::size_t other = reader.inputs[0] == out ? 1 : 0;
  if (!graph.value(reader.inputs[other]).constant) return std::nullopt;
  return BiasPlace{readers.front(), other};
}

void set_weights(Graph& graph, NodeId id, const ir::Annotation::Weights& weights) {
  const Value old = graph.value(graph.node(id).inputs[1]);
  if (!old.constant) return;
  const ValueId own = graph.add_constant(
      old.name, weights.values.empty() ? old.constant : Constant::f32(old.shape, weights.values));
  if (!weights.range.empty())
    graph.value(own).quantization = weight_quantization(weights.range, weights.levels);
  graph.node(id).inputs[1] = own;
}

}  // namespace

void replace_bias(Graph& graph, NodeId id, const std::vector<float>& bias, const std::string& name) {
  const auto count = static_cast<std::int64_t>(bias.size());
  const std::optional<BiasPlace> place = bias_place(graph, id);
  if (!place) {
    const ValueId constant = graph.add_constant(name, Constant::f32({count}, bias));
    graph.node(id).inputs.push_back(constant);
    return;
  }
  Shape shape{count};
  if (place->node != id) {
    const Node& node = graph.node(id);
    shape.assign(graph.value(node.outputs.front()).shape.size(), 1);
    shape[weighted_traits(node)->channel_axis(shape.size())] = count;
  }
  const ValueId constant = graph.add_constant(name, Constant::f32(shape, bias));
  graph.node(place->node).inputs[place->input] = constant;
}

void replace_weights(Graph& graph, NodeId id, std::vector<float> weights) {
  const Value old = graph.value(graph.node(id).inputs[1]);
  const ValueId own = graph.add_constant(old.name, Constant::f32(old.shape, std::move(weights)));
  graph.node(id).inputs[1] = own;
}

Graph annotated_graph(const Graph& original, const ir::Annotation& annotation) {
  Graph graph = original;
  drop_quantization(graph);
  for (const auto& activation : annotation.activations)
    graph.value(graph.find_value(activation.value)).quantization =
        activation_quantization(activation.range, activation.levels);
  std::map<std::string, NodeId, std::less<>> nodes;
  for (const NodeId id : graph.order()) nodes.emplace(graph.node(id).name, id);
  for (const std::string& name : annotation.keep_float)
    if (const auto found = nodes.find(name); found != nodes.end())
      graph.node(found->second).hint = PrecisionHint::keep_float;
  for (const auto& weights : annotation.weights) {
    const auto found = nodes.find(weights.layer);
    if (found == nodes.end()) continue;
    set_weights(graph, found->second, weights);
    if (!weights.bias.empty())
      replace_bias(graph, found->second, weights.bias, weights.layer + std::string(kCorrectedBiasSuffix));
  }
  for (const auto& operand : annotation.operands) {
    const auto found = nodes.find(operand.layer);
    if (found == nodes.end()) continue;
    const Value old = graph.value(graph.node(found->second).inputs.at(operand.input));
    const ValueId own = graph.add_constant(old.name, Constant::f32(old.shape, operand.values));
    graph.node(found->second).inputs[operand.input] = own;
  }
  return graph;
}

bool corrected_before(const Graph& graph, NodeId id) {
  const std::optional<BiasPlace> place = bias_place(graph, id);
  return place &&
         graph.value(graph.node(place->node).inputs[place->input]).name.ends_with(kCorrectedBiasSuffix);
}

std::vector<float> stated_bias(const Graph& graph, NodeId id, std::size_t channels) {
  const std::optional<BiasPlace> place = bias_place(graph, id);
  if (!place) return std::vector<float>(channels, 0.0F);
  const Constant& constant = graph.value(graph.node(place->node).inputs[place->input]).constant;
  if (!constant) return {};
  std::vector<float> bias = constant.to_floats();
  if (bias.size() == 1) bias.resize(channels, bias.front());
  return bias.size() == channels ? bias : std::vector<float>{};
}

}  // namespace refcalib::engine
