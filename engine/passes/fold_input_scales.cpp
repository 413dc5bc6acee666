#include "engine/passes/fold_input_scales.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

/// Convolution weights are [groups, outputs per group, inputs per group, kernel…].
bool is_convolution(const Node& node) {
  return node.op == "Convolution";
}

}  // namespace

bool takes_channel_scales(const Graph& graph, const Node& node) {
  return is_depthwise(graph, node) || (is_convolution(node) && graph.value(node.inputs[1]).constant);
}

void fold_input_scales(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  const auto& input = graph.value(node.inputs[0]).quantization;
  if (!input || !input->per_channel() || is_depthwise(graph, node) || !is_convolution(node)) return;
  const std::vector<float>& scale = input->scale;
  const float largest = *std::max_element(scale.begin(), scale.end());
  const Value& weights = graph.value(node.inputs[1]);
  const Shape& shape = weights.shape;
  const auto outputs = static_cast<std::size_t>(shape[1]), inputs = static_cast<std::size_t>(shape[2]);
  std::vector<float> w = weights.constant.to_floats();
  const std::size_t kernel = w.size() / (static_cast<std::size_t>(shape[0]) * outputs * inputs);
  for (std::size_t i = 0; i < w.size(); ++i) {
    const std::size_t row = i / kernel;
    w[i] *= scale[row / (outputs * inputs) * inputs + row % inputs] / largest;
  }
  const ValueId folded = graph.add_constant(weights.name + "/scaled", Constant::f32(shape, std::move(w)));
  graph.node(id).inputs[1] = folded;
}

}  // namespace refcalib::engine
