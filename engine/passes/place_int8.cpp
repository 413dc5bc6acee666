#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "engine/ops/op.h"
#include "engine/ops/pooling.h"
#include "engine/ops/quantize_nodes.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/fold_input_scales.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {
namespace {

bool adds_residual(const Node& node) {
  const WeightedTraits* traits = weighted_traits(node);
  return traits != nullptr && traits->has_residual(node.attributes);
}

/// Why a convolution-like node cannot read integers; empty if it can.
std::string weighted_obstacle(const Graph& graph, const Node& node) {
  const Value& x = graph.value(node.inputs[0]);
  if (node.hint == PrecisionHint::keep_float) return "kept in float by the model or the user";
  if (!graph.value(node.inputs[1]).constant) return "weights are computed at run time";
  if (const auto capable = op_record(node.op).integer_capable; capable != nullptr && !capable(graph, node))
    return "its weights are not one matrix";
  if (!x.quantization) return "its input has no calibrated range";
  if (x.quantization->per_channel() && !takes_channel_scales(graph, node))
    return "its input has a range per channel";
  return {};
}

/// The largest |w|, NaN left out; 0 of nothing.
float largest_magnitude(std::span<const float> w) noexcept {
  // Lanes of their own: one maximum would be a chain, and compilers do not divide it.
  constexpr std::size_t lanes = 16;
  float lane[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= w.size(); i += lanes)
    for (std::size_t l = 0; l < lanes; ++l) lane[l] = std::max(lane[l], std::abs(w[i + l]));
  for (; i < w.size(); ++i) lane[0] = std::max(lane[0], std::abs(w[i]));
  return *std::max_element(lane, lane + lanes);
}

/// Decides which nodes run on integers and which values are stored as u8, walking from the consumers back.
class Placement {
 public:
  explicit Placement(Graph& graph) : graph_(graph), wanted_(graph.value_count(), false) {}

  void run() {
    const std::vector<NodeId> order = graph_.order();
    for (auto it = order.rbegin(); it != order.rend(); ++it) visit(*it);
    for (const NodeId id : order)
      if (integer_.contains(id) && op_record(graph_.node(id).op).rule == QuantizationRule::weighted) {
        fold_input_scales(graph_, id);
        quantize_weights(id);
        round_bias(id);
      }
    for (const NodeId id : order) {
      if (!integer_.contains(id)) round_weights(id);
      // What is rounded anyway may as well be stored so.
      for (const ValueId out : graph_.node(id).outputs)
        if (holds_everywhere(out)) wanted_[out] = true;
    }
    store(order);
  }

 private:
  bool quantized(ValueId id) const { return graph_.value(id).quantization.has_value(); }
  /// True if the value has a range that the node can use: one for all channels, unless it treats channels apart.
  bool usable(const Node& node, ValueId id) const {
    return !graph_.value(id).constant && quantized(id) &&
           (!graph_.value(id).quantization->per_channel() || keeps_channels(graph_, node));
  }
  bool all_inputs_usable(const Node& node, std::size_t count) const {
    return std::all_of(node.inputs.begin(), node.inputs.begin() + static_cast<std::ptrdiff_t>(count),
                       [&](ValueId id) { return usable(node, id); });
  }
  bool outputs_wanted(const Node& node) const {
    return std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) { return wanted_[id]; });
  }

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.hint == PrecisionHint::keep_float) return;
    switch (op_record(node.op).rule) {
      case QuantizationRule::weighted:
        if (!weighted_obstacle(graph_, node).empty()) break;
        integer_[id] = true;
        wanted_[node.inputs[0]] = true;
        if (adds_residual(node) && quantized(node.inputs[3]) &&
            !graph_.value(node.inputs[3]).quantization->per_channel())
          wanted_[node.inputs[3]] = true;
        break;
      case QuantizationRule::elementwise:
      case QuantizationRule::unify:
        want_inputs(id, node.inputs.size());
        break;
      case QuantizationRule::pooling:
      case QuantizationRule::pass:
      case QuantizationRule::table:
      case QuantizationRule::requantize:
        want_inputs(id, 1);
        break;
      case QuantizationRule::none:
        break;
    }
  }

  void want_inputs(NodeId id, std::size_t count) {
    const Node& node = graph_.node(id);
    if (!outputs_wanted(node) || !all_inputs_usable(node, count)) return;
    const auto capable = op_record(node.op).integer_capable;
    if (capable != nullptr && !capable(graph_, node)) return;
    // A value that the network gives out stays in float, so what computes it must write floats.
    for (const ValueId out : node.outputs)
      if (!usable(node, out) || graph_.is_output(out)) return;
    integer_[id] = true;
    for (std::size_t i = 0; i < count; ++i) wanted_[node.inputs[i]] = true;
    // A node that moves values to several outputs writes all of them as integers.
    for (const ValueId out : node.outputs) wanted_[out] = true;
  }

  /// Symmetric per-output-channel scales for weights whose file states none.
  void quantize_weights(NodeId id) {
    const ValueId weights = graph_.node(id).inputs[1];
    if (quantized(weights)) return;
    const std::vector<float> w = graph_.value(weights).constant.to_floats();
    const WeightChannels channel = weight_channels_of(graph_, graph_.node(id));
    std::vector<QuantizationRange> ranges(channel.count());
    const auto inner = static_cast<std::size_t>(channel.inner);
    for (std::size_t i = 0; i < w.size(); i += inner) {
      float& largest = ranges[channel.of(i)].high;
      largest = std::max(largest, largest_magnitude(std::span(w).subspan(i, inner)));
    }
    for (QuantizationRange& range : ranges) range.low = -range.high;
    graph_.value(weights).quantization = weight_quantization(ranges, 255);
  }

  /// True for a value that readers in float, too, see as its integers say.
  bool holds_everywhere(ValueId id) const {
    const Value& value = graph_.value(id);
    const bool convertible = quantized(id) && (!value.quantization->per_channel() ||
                                               (value.shape.size() >= 3 && value.shape.size() <= 5));
    return value.fake_quantized && !value.constant && convertible;
  }

  /// Weights that a FakeQuantize made, of a layer that runs in float.
  void round_weights(NodeId id) {
    const Node& node = graph_.node(id);
    if (op_record(node.op).rule != QuantizationRule::weighted) return;
    const Value& weights = graph_.value(node.inputs[1]);
    if (!weights.constant || !weights.fake_quantized || !weights.quantization) return;
    const Quantization& q = *weights.quantization;
    const WeightChannels channel = weight_channels_of(graph_, node);
    std::vector<float> w = weights.constant.to_floats();
    for (std::size_t i = 0; i < w.size(); ++i) {
      const float scale = q.scale[q.per_channel() ? channel.of(i) : 0];
      const float level = std::nearbyint(w[i] / scale);
      w[i] = scale * std::min(static_cast<float>(q.qmax), std::max(static_cast<float>(q.qmin), level));
    }
    graph_.node(id).inputs[1] =
        graph_.add_constant(weights.name, Constant::f32(Shape{weights.constant.shape()}, std::move(w)));
  }

  /// A bias with units of its own is added in whole units.
  void round_bias(NodeId id) {
    if (graph_.node(id).inputs.size() < 3) return;
    const Value& bias = graph_.value(graph_.node(id).inputs[2]);
    if (!bias.constant || !bias.quantization) return;
    std::vector<float> b = bias.constant.to_floats();
    const Quantization& units = *bias.quantization;
    for (std::size_t c = 0; c < b.size(); ++c) {
      const float unit = units.scale[units.per_channel() ? c : 0];
      const float rounded = std::nearbyint(b[c] / unit) * unit;
      if (std::isfinite(rounded)) b[c] = rounded;
    }
    const ValueId whole =
        graph_.add_constant(bias.name, Constant::f32(Shape{bias.constant.shape()}, std::move(b)));
    graph_.node(id).inputs[2] = whole;
  }

  /// True if the node's output can be written as u8 by the node itself.
  bool writes_u8(ValueId id) const {
    const NodeId producer = graph_.value(id).producer;
    if (producer == kNone || graph_.is_output(id)) return false;
    const Node& node = graph_.node(producer);
    const OpRecord& record = op_record(node.op);
    return integer_.contains(producer) ||
           (record.rule == QuantizationRule::weighted &&
            (record.integer_capable == nullptr || record.integer_capable(graph_, node)));
  }

  void store(const std::vector<NodeId>& order) {
    const std::size_t values = wanted_.size();  // behind these come constants that run() has added
    std::map<ValueId, ValueId> as_u8, as_float;
    for (ValueId id = 0; id < values; ++id)
      if (wanted_[id] && writes_u8(id)) graph_.value(id).dtype = DType::u8;
    for (const NodeId id : order) {
      const bool integer = integer_.contains(id);
      for (std::size_t i = 0; i < graph_.node(id).inputs.size(); ++i) {
        const ValueId input = graph_.node(id).inputs[i];
        if (input >= values || graph_.value(input).constant) continue;
        if (integer && reads_integers(graph_.node(id), i)) {
          if (graph_.value(input).dtype != DType::u8 && wanted_[input])
            graph_.node(id).inputs[i] = convert(input, id, as_u8, "Quantize", DType::u8);
        } else if (graph_.value(input).dtype == DType::u8 && quantized(input) &&
                   !integer_residual(graph_.node(id), i)) {
          graph_.node(id).inputs[i] = convert(input, id, as_float, "Dequantize", DType::f32);
        } else if (graph_.value(input).dtype == DType::f32 && holds_everywhere(input)) {
          const ValueId integers = convert(input, id, as_u8, "Quantize", DType::u8);
          graph_.node(id).inputs[i] = convert(integers, id, as_float, "Dequantize", DType::f32);
        }
      }
    }
  }

  /// The residual of a convolution is read as stored, but with one scale for all channels.
  bool integer_residual(const Node& node, std::size_t i) const {
    return i == 3 && adds_residual(node) && !graph_.value(node.inputs[i]).quantization->per_channel();
  }
  static bool reads_integers(const Node& node, std::size_t i) {
    return op_record(node.op).rule != QuantizationRule::weighted || i == 0;
  }

  /// The value in the other representation, by a node that is inserted once, in front of its first reader.
  ValueId convert(ValueId input, NodeId reader, std::map<ValueId, ValueId>& known, const char* op,
                  DType dtype) {
    if (const auto it = known.find(input); it != known.end()) return it->second;
    Value converted = graph_.value(input);
    converted.producer = kNone;
    converted.name += dtype == DType::u8 ? "/u8" : "/f32";
    converted.dtype = dtype;
    const ValueId id = graph_.add_value(converted);
    Node node{.name = graph_.value(input).name + (dtype == DType::u8 ? "/quantize" : "/dequantize"),
              .op = op,
              .attributes = Attributes::of(LoweredAttributes{}),
              .inputs = {input},
              .outputs = {id}};
    graph_.insert_node_before(reader, std::move(node));
    known.emplace(input, id);
    return id;
  }

  Graph& graph_;
  std::vector<bool> wanted_;
  std::map<NodeId, bool> integer_;
};

}  // namespace

/// Decides what runs in INT8 and puts conversions where the representation changes, each paid once per value.
/// A value that both integer and float readers use is converted once. Values that the network gives out stay in float.
void place_int8(Graph& graph) {
  Placement(graph).run();
}

std::string float_reason(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (op_record(node.op).rule != QuantizationRule::weighted) return {};
  if (graph.value(node.inputs[0]).dtype == DType::u8) return {};
  std::string obstacle = weighted_obstacle(graph, node);
  return obstacle.empty() ? "its input is not stored in integers" : obstacle;
}

}  // namespace refcalib::engine
