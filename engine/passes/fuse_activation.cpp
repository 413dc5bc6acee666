#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/match.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// An activation in the terms of the epilogue: clamp bounds, or slopes for negative values.
struct Epilogue {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  std::vector<float> slope{};
};

std::optional<Epilogue> as_epilogue(const Graph& graph, const Node& node) {
  if (node.op == "PRelu") {
    const Value& slope = graph.value(node.inputs[1]);
    if (!slope.constant) return std::nullopt;
    return Epilogue{.slope = slope.constant.to_floats()};
  }
  if (node.op != "Activation") return std::nullopt;
  const auto& a = node.attributes.as<ActivationAttributes>();
  if (a.function == "relu") return Epilogue{.low = 0};
  if (a.function == "clamp") return Epilogue{.low = a.alpha, .high = a.beta};
  if (a.function == "leaky_relu") return Epilogue{.slope = {static_cast<float>(a.alpha)}};
  return std::nullopt;
}

/// The node writes what the activation wrote.
void replace_activation(Graph& graph, NodeId target, NodeId activation) {
  const ValueId out = graph.node(activation).outputs.front();
  graph.erase(activation);
  graph.node(target).outputs.front() = out;
  graph.value(out).producer = target;
}

void fuse_into_weighted(Graph& graph, NodeId target, NodeId activation, const Epilogue& epilogue) {
  const WeightedTraits& traits = *weighted_traits(graph.node(target));
  if (!is_identity(traits.activation(graph.node(target).attributes))) return;
  FusedActivation fused{.low = epilogue.low, .high = epilogue.high};
  if (!epilogue.slope.empty()) {
    // Slopes count dimension 1.
    const std::size_t rank = graph.value(graph.node(target).outputs.front()).shape.size();
    if (traits.channel_axis(rank) != 1) return;
    ensure_bias(graph, target);
    const ValueId slope =
        graph.add_constant(graph.node(activation).name + "/slope",
                           Constant::f32({static_cast<std::int64_t>(epilogue.slope.size())}, epilogue.slope));
    fused.slope_input = static_cast<std::int64_t>(graph.node(target).inputs.size());
    graph.node(target).inputs.push_back(slope);
  }
  traits.set_activation(graph.node(target).attributes, fused);
  replace_activation(graph, target, activation);
}

void fuse_into_eltwise(Graph& graph, NodeId target, NodeId activation, const Epilogue& epilogue) {
  if (!epilogue.slope.empty()) return;
  if (!is_identity(graph.node(target).attributes.as<EltwiseAttributes>().activation)) return;
  graph.node(target).attributes.edit<EltwiseAttributes>([&](EltwiseAttributes& a) {
    a.activation = FusedActivation{.low = epilogue.low, .high = epilogue.high};
  });
  replace_activation(graph, target, activation);
}

}  // namespace

/// ReLU, clamp, leaky ReLU and PReLU move into the convolution, matrix product or addition in front of them.
void fuse_activation(Graph& graph) {
  for (const NodeId id : graph.order()) {
    const Node node = graph.node(id);
    const auto epilogue = as_epilogue(graph, node);
    if (!epilogue) continue;
    const ValueId data = node.inputs.front();
    if (graph.value(data).quantization)
      continue;  // the value in front is stored in integers for its own sake
    if (const auto weighted = sole_weighted_producer(graph, data))
      fuse_into_weighted(graph, *weighted, id, *epilogue);
    else if (const auto sum = sole_producer(graph, data, "Eltwise"))
      fuse_into_eltwise(graph, *sum, id, *epilogue);
  }
}

}  // namespace refcalib::engine
