#include "engine/search/execution_cost.h"

#include "engine/core/dtype.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

constexpr double kIntegerMultiplication = 0.25;
constexpr double kByte = 2;

double elements(const Value& value) {
  return static_cast<double>(element_count(value.shape));
}

double bytes(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  return elements(value) * static_cast<double>(size_of(value.dtype));
}

/// Multiplications of a layer with constant weights; 0 for others.
double multiplications(const Graph& graph, const Node& node) {
  if (weighted_traits(node) == nullptr || !graph.value(node.inputs[1]).constant) return 0;
  const Value& weights = graph.value(node.inputs[1]);
  const double channels = static_cast<double>(weight_channels_of(graph, node).count());
  return elements(graph.value(node.outputs.front())) * elements(weights) / channels;
}

}  // namespace

double execution_cost(const Graph& graph, bool int8) {
  Graph lowered = graph;
  run_passes(lowered, simplification_passes());
  run_passes(lowered, lowering_passes(int8));
  double cost = 0;
  for (const NodeId id : lowered.order()) {
    const Node& node = lowered.node(id);
    const bool integer = !node.inputs.empty() && lowered.value(node.inputs.front()).dtype == DType::u8;
    cost += multiplications(lowered, node) * (integer ? kIntegerMultiplication : 1.0);
    for (const ValueId in : node.inputs)
      if (!lowered.value(in).constant) cost += kByte * bytes(lowered, in);
    for (const ValueId out : node.outputs) cost += kByte * bytes(lowered, out);
  }
  return cost;
}

}  // namespace refcalib::engine
