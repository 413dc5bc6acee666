#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
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

/// Puts the activation into the attributes `A` of the producer, if those are still free of one.
template <class A>
bool fuse_into(Graph& graph, NodeId target, NodeId activation_id, const Epilogue& epilogue,
               bool takes_slope) {
  const Node activation = graph.node(activation_id);
  if (!is_identity(graph.node(target).attributes.as<A>().activation)) return false;
  std::int64_t slope_input = -1;
  if (!epilogue.slope.empty()) {
    if (!takes_slope) return false;
    if (graph.node(target).inputs.size() < 3) {
      const Shape& shape = graph.value(graph.node(target).outputs.front()).shape;
      const std::int64_t channels = graph.node(target).op == "MatMul" ? shape.back() : shape[1];
      const ValueId zeros = graph.add_constant(
          graph.node(target).name + "/zero_bias",
          Constant::f32({channels}, std::vector<float>(static_cast<std::size_t>(channels), 0.0F)));
      graph.node(target).inputs.push_back(zeros);
    }
    const ValueId slope =
        graph.add_constant(activation.name + "/slope",
                           Constant::f32({static_cast<std::int64_t>(epilogue.slope.size())}, epilogue.slope));
    slope_input = static_cast<std::int64_t>(graph.node(target).inputs.size());
    graph.node(target).inputs.push_back(slope);
  }
  graph.node(target).attributes.edit<A>([&](A& a) {
    a.activation.low = epilogue.low;
    a.activation.high = epilogue.high;
    a.activation.slope_input = slope_input;
  });
  graph.erase(activation_id);
  graph.node(target).outputs.front() = activation.outputs.front();
  graph.value(activation.outputs.front()).producer = target;
  return true;
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
    if (const auto conv = sole_producer(graph, data, "Convolution"))
      fuse_into<ConvolutionAttributes>(graph, *conv, id, *epilogue, true);
    else if (const auto matmul = sole_producer(graph, data, "MatMul");
             matmul && takes_epilogue(graph, graph.node(*matmul)))
      fuse_into<MatMulAttributes>(graph, *matmul, id, *epilogue, graph.value(data).shape.size() == 2);
    else if (const auto sum = sole_producer(graph, data, "Eltwise"))
      fuse_into<EltwiseAttributes>(graph, *sum, id, *epilogue, false);
  }
}

}  // namespace refcalib::engine
