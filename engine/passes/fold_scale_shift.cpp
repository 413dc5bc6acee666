#include <algorithm>
#include <cmath>

#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/match.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

struct Affine {
  ValueId data = kNone;
  std::vector<float> scale, shift;
};

/// The node as y = x * scale[c] + shift[c], if it is one.
std::optional<Affine> as_affine(const Graph& graph, const Node& node) {
  if (node.op == "ChannelAffine") {
    const Shape& shape = graph.value(node.inputs[0]).shape;
    if (shape.size() < 2) return std::nullopt;
    const Shape channel_shape{1, shape[1]};
    auto scale = channel_constant(graph, node.inputs[1], {shape[1], shape[1]});
    auto shift = channel_constant(graph, node.inputs[2], {shape[1], shape[1]});
    if (!scale || !shift) return std::nullopt;
    return Affine{node.inputs[0], std::move(*scale), std::move(*shift)};
  }
  if (node.op != "Eltwise") return std::nullopt;
  const std::string& operation = node.attributes.as<EltwiseAttributes>().operation;
  for (std::size_t side = 0; side < 2; ++side) {
    const ValueId data = node.inputs[side], other = node.inputs[1 - side];
    const Shape& shape = graph.value(data).shape;
    // ChannelAffine runs on rows of channels, which tensors of more than five dimensions do not have.
    if (graph.value(data).constant || graph.value(data).dtype != DType::f32 ||
        graph.value(node.outputs.front()).shape != shape || shape.size() > 5)
      continue;
    auto constant = channel_constant(graph, other, shape);
    if (!constant) continue;
    const std::vector<float> ones(constant->size(), 1.0F), zeros(constant->size(), 0.0F);
    if (operation == "mul") return Affine{data, std::move(*constant), zeros};
    if (operation == "add") return Affine{data, ones, std::move(*constant)};
    if (operation == "sub" && side == 0) {
      for (float& v : *constant) v = -v;
      return Affine{data, ones, std::move(*constant)};
    }
  }
  return std::nullopt;
}

bool one_for_all(const Affine& affine) {
  const auto constant = [](const std::vector<float>& v) {
    return std::all_of(v.begin(), v.end(), [&](float x) { return x == v.front(); });
  };
  return constant(affine.scale) && constant(affine.shift);
}

/// Scales output channels of a convolution's weights and its bias.
void fold_into(Graph& graph, NodeId conv_id, const Affine& affine) {
  const Node conv = graph.node(conv_id);
  const Value weights = graph.value(conv.inputs[1]);
  std::vector<float> w = weights.constant.to_floats();
  const std::size_t channels = affine.scale.size();
  const WeightChannels channel = weight_channels_of(graph, conv);
  for (std::size_t i = 0; i < w.size(); ++i) w[i] *= affine.scale[channel.of(i)];
  std::vector<float> bias = affine.shift;
  if (conv.inputs.size() > 2) {
    const std::vector<float> old = graph.value(conv.inputs[2]).constant.to_floats();
    for (std::size_t c = 0; c < channels; ++c)
      bias[c] = old[old.size() == 1 ? 0 : c] * affine.scale[c] + bias[c];
  }
  const ValueId weight_id = graph.add_constant(weights.name, Constant::f32(weights.shape, std::move(w)));
  if (weights.quantization) {
    Quantization q = *weights.quantization;
    if (!q.per_channel()) q.scale.assign(channels, q.scale.front());
    for (std::size_t c = 0; c < channels; ++c) q.scale[c] *= std::abs(affine.scale[c]);
    for (float& s : q.scale)
      if (s == 0) s = 1;
    graph.value(weight_id).quantization = std::move(q);
    graph.value(weight_id).fake_quantized = weights.fake_quantized;
  }
  const auto count = static_cast<std::int64_t>(bias.size());
  const ValueId bias_id =
      graph.add_constant(conv.name + "/folded_bias", Constant::f32({count}, std::move(bias)));
  Node& target = graph.node(conv_id);
  target.inputs.resize(1);
  target.inputs.push_back(weight_id);
  target.inputs.push_back(bias_id);
}

/// True unless a negative factor would lead from -128 to 128.
bool keeps_integers(const Graph& graph, const Node& conv, const Affine& affine) {
  const auto& q = graph.value(conv.inputs[1]).quantization;
  return !q || q->qmin >= -q->qmax ||
         std::all_of(affine.scale.begin(), affine.scale.end(), [](float scale) { return scale >= 0; });
}

}  // namespace

/// Batch normalization, ScaleShift, and multiplication or addition of per-channel constants: folded into the convolution
/// (also transposed) in front, or else turned into one ChannelAffine; into one Activation where all channels have the same
/// constants.
void fold_scale_shift(Graph& graph) {
  for (const NodeId id : graph.order()) {
    if (graph.node(id).erased) continue;
    const Node node = graph.node(id);
    const auto affine = as_affine(graph, node);
    if (!affine) continue;
    const ValueId out = node.outputs.front();
    if (const auto conv = sole_weighted_producer(graph, affine->data);
        conv && weighted_traits(graph.node(*conv))->spatial && is_linear(graph, graph.node(*conv)) &&
        !graph.value(affine->data).quantization && keeps_integers(graph, graph.node(*conv), *affine)) {
      fold_into(graph, *conv, *affine);
      graph.erase(id);
      graph.node(*conv).outputs.front() = out;
      graph.value(out).producer = *conv;
      continue;
    }
    if (one_for_all(*affine)) {
      // The same for every element: runs in any memory order.
      Node& target = graph.node(id);
      target.op = "Activation";
      target.attributes = Attributes::of(ActivationAttributes{
          "linear", static_cast<double>(affine->scale.front()), static_cast<double>(affine->shift.front())});
      target.inputs = {affine->data};
      continue;
    }
    if (node.op == "ChannelAffine") continue;
    const auto count = static_cast<std::int64_t>(affine->scale.size());
    const ValueId scale = graph.add_constant(node.name + "/scale", Constant::f32({count}, affine->scale));
    const ValueId shift = graph.add_constant(node.name + "/shift", Constant::f32({count}, affine->shift));
    Node& target = graph.node(id);
    target.op = "ChannelAffine";
    target.attributes = Attributes::of(ChannelAffineAttributes{});
    target.inputs = {affine->data, scale, shift};
  }
}

}  // namespace refcalib::engine
