#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "engine/ops/eltwise.h"
#include "engine/ops/fake_quantize.h"
#include "engine/ops/strides.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/match.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// Limits of a FakeQuantize whose output range equals its input range, as a tensor that is broadcast to the data.
struct Limits {
  std::vector<QuantizationRange> ranges;
  Shape shape;
};

/// How far the exact zero point may lie from an integer, in levels. Limits that a file stores in 16 bits are off by about 0.06.
constexpr float kZeroPointTolerance = 0.1F;

bool close(float a, float b) {
  return std::abs(a - b) <= 1e-6F * std::max(std::abs(a), std::abs(b));
}

/// The one axis along which the limits vary, the rank if there is none; nullopt if they vary along several.
std::optional<std::size_t> varying_axis(const Shape& limits, const Shape& data) {
  std::optional<std::size_t> axis;
  for (std::size_t d = 0; d < limits.size(); ++d) {
    if (limits[d] == 1) continue;
    if (axis) return std::nullopt;
    axis = d + data.size() - limits.size();
  }
  return axis ? axis : std::optional<std::size_t>(data.size());
}

std::optional<Limits> plain_limits(const Graph& graph, const Node& node) {
  for (std::size_t i = 1; i < 5; ++i)
    if (!graph.value(node.inputs[i]).constant) return std::nullopt;
  const std::vector<float> il = graph.value(node.inputs[1]).constant.to_floats();
  const std::vector<float> ih = graph.value(node.inputs[2]).constant.to_floats();
  const std::vector<float> ol = graph.value(node.inputs[3]).constant.to_floats();
  const std::vector<float> oh = graph.value(node.inputs[4]).constant.to_floats();
  if (il.size() != ih.size() || il.size() != ol.size() || il.size() != oh.size()) return std::nullopt;
  Limits limits{.ranges = {}, .shape = graph.value(node.inputs[1]).shape};
  for (std::size_t i = 0; i < il.size(); ++i) {
    if (!close(il[i], ol[i]) || !close(ih[i], oh[i]) || !(ih[i] > il[i])) return std::nullopt;
    limits.ranges.push_back({il[i], ih[i]});
  }
  return limits;
}

/// True for nodes that give their input under another shape or type, element for element.
bool keeps_order(const Node& node) {
  return node.op == "Reshape" || node.op == "Convert";
}

/// How weights behind this value are read: all readers, through views that keep the order of the elements, must see the same
/// channels. nullopt if they do not, or if there is another reader.
std::optional<WeightChannels> weight_readers(const Graph& graph, ValueId weights) {
  std::optional<WeightChannels> found;
  if (graph.is_output(weights)) return std::nullopt;
  for (const NodeId reader : graph.consumers(weights)) {
    const Node& node = graph.node(reader);
    std::optional<WeightChannels> channels;
    if (keeps_order(node))
      channels = weight_readers(graph, node.outputs.front());
    else if (weighted_traits(node) != nullptr && node.inputs[1] == weights &&
             std::count(node.inputs.begin(), node.inputs.end(), weights) == 1)
      channels = weight_channels_of(graph, node);
    if (!channels || (found && *found != *channels)) return std::nullopt;
    found = channels;
  }
  return found;
}

/// The limits of each output channel; nullopt if elements of one channel differ.
std::optional<std::vector<QuantizationRange>> ranges_by_channel(const Limits& limits, const Shape& data,
                                                                const WeightChannels& channel) {
  // Elements of a piece share limits and channel.
  std::int64_t same_limits = 1;
  std::vector<std::int64_t> strides = plain_strides(limits.shape);
  strides.insert(strides.begin(), data.size() - limits.shape.size(), 0);
  std::size_t varying = data.size();
  for (std::size_t d = 0; d < limits.shape.size(); ++d)
    if (limits.shape[d] == 1) strides[d + data.size() - limits.shape.size()] = 0;
  while (varying > 0 && strides[varying - 1] == 0) same_limits *= data[--varying];
  const std::int64_t piece = std::gcd(same_limits, channel.inner);
  std::vector<QuantizationRange> ranges(channel.count());
  std::vector<bool> known(channel.count(), false);
  for (std::int64_t i = 0; i < element_count(data); i += piece) {
    std::int64_t rest = i / same_limits, at = 0;
    for (std::size_t d = varying; d-- > 0; rest /= data[d]) at += rest % data[d] * strides[d];
    const QuantizationRange& range = limits.ranges[static_cast<std::size_t>(at)];
    const std::size_t c = channel.of(static_cast<std::size_t>(i));
    if (known[c] && (ranges[c].low != range.low || ranges[c].high != range.high)) return std::nullopt;
    ranges[c] = range;
    known[c] = true;
  }
  return ranges;
}

std::optional<Quantization> weight_scales(const Graph& graph, const Limits& limits, std::int64_t levels,
                                          const Node& node) {
  if (levels != 255) return std::nullopt;
  for (const QuantizationRange& r : limits.ranges)
    if (!close(r.low, -r.high)) return std::nullopt;
  const auto channels = weight_readers(graph, node.outputs.front());
  const Shape& data = graph.value(node.inputs[0]).shape;
  if (!channels || limits.shape.size() > data.size()) return std::nullopt;
  if (limits.ranges.size() == 1) return weight_quantization(limits.ranges, static_cast<std::int32_t>(levels));
  const auto ranges = ranges_by_channel(limits, data, *channels);
  if (!ranges) return std::nullopt;
  return weight_quantization(*ranges, static_cast<std::int32_t>(levels));
}

std::optional<Quantization> activation_scales(const Limits& limits, std::int64_t levels, const Shape& data) {
  if (levels != 256 && levels != 255) return std::nullopt;
  if (limits.ranges.size() > 1 && varying_axis(limits.shape, data) != std::size_t{1}) return std::nullopt;
  Quantization q;
  try {
    q = activation_quantization(limits.ranges, static_cast<std::int32_t>(levels));
  } catch (const UsageError&) {
    return std::nullopt;  // channels with zero points of their own
  }
  for (std::size_t i = 0; i < limits.ranges.size(); ++i) {
    const float exact = -limits.ranges[i].low / q.scale[i];
    // Integers represent zero exactly; a range that does not (or a zero point that differs by channel) stays in float.
    if (q.zero_point < 0 || q.zero_point > 255 ||
        std::abs(exact - static_cast<float>(q.zero_point)) > kZeroPointTolerance)
      return std::nullopt;
  }
  return q;
}

void replace_by_constant(Graph& graph, NodeId id, Constant constant,
                         const std::optional<Quantization>& quantization) {
  const Node node = graph.node(id);
  const ValueId value = graph.add_constant(graph.value(node.inputs[0]).name, std::move(constant));
  graph.value(value).quantization = quantization;
  graph.replace_uses(node.outputs.front(), value);
  graph.erase(id);
}

/// Weights whose limits have no s8 scales get the values that the formula gives.
void evaluate(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  std::array<Constant, 4> limits;
  for (std::size_t i = 0; i < 4; ++i) {
    limits[i] = graph.value(node.inputs[i + 1]).constant;
    if (!limits[i]) return;
  }
  const std::int64_t levels = node.attributes.as<FakeQuantizeAttributes>().levels;
  replace_by_constant(graph, id, fold_fake_quantize(graph.value(node.inputs[0]).constant, limits, levels),
                      std::nullopt);
}

/// Weighted layers that read the value in front of its FakeQuantize get floats by the will of the file.
void keep_readers_float(Graph& graph, ValueId data) {
  for (const NodeId reader : graph.consumers(data))
    if (Node& node = graph.node(reader); weighted_traits(node) != nullptr && node.inputs[0] == data)
      node.hint = PrecisionHint::keep_float;
}

/// A sum of what the file rounds is a sum of rounded numbers.
void mark_rounded_sums(Graph& graph, ValueId rounded) {
  for (const NodeId reader : graph.consumers(rounded)) {
    Node& node = graph.node(reader);
    if (node.op != "Eltwise") continue;
    node.attributes.edit<EltwiseAttributes>([&](EltwiseAttributes& a) {
      for (std::size_t side = 0; side < a.rounded.size(); ++side)
        a.rounded[side] = a.rounded[side] || node.inputs[side] == rounded;
    });
  }
}

/// By value: whether what is computed from it reaches a layer with weights, so that something may read its integers.
std::vector<bool> leading_to_weights(const Graph& graph) {
  std::vector<bool> leads(graph.value_count(), false);
  const std::vector<NodeId> order = graph.order();
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const Node& node = graph.node(*it);
    const bool reached =
        weighted_traits(node) != nullptr ||
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) { return leads[output]; });
    if (!reached) continue;
    for (const ValueId input : node.inputs) leads[input] = true;
  }
  return leads;
}

void absorb(Graph& graph, NodeId id, const std::vector<bool>& leads) {
  const Node node = graph.node(id);
  const auto limits = plain_limits(graph, node);
  const std::int64_t levels = node.attributes.as<FakeQuantizeAttributes>().levels;
  const ValueId data = node.inputs[0];
  if (graph.value(data).constant) {
    std::optional<Quantization> q;
    if (limits) q = weight_scales(graph, *limits, levels, node);
    if (q)
      replace_by_constant(graph, id, graph.value(data).constant, q);
    else
      evaluate(graph, id);
    return;
  }
  if (!limits) return;
  if (graph.is_output(node.outputs.front()) || !leads[node.outputs.front()]) return;
  const auto q = activation_scales(*limits, levels, graph.value(data).shape);
  if (!q || (graph.value(data).quantization && graph.value(data).quantization != q)) return;
  if (!graph.value(data).quantization) keep_readers_float(graph, data);
  graph.value(data).quantization = q;
  mark_rounded_sums(graph, node.outputs.front());
  graph.replace_uses(node.outputs.front(), data);
  graph.erase(id);
}

/// What stands between a FakeQuantize and the weighted layer and is now a function of constants becomes a constant; scales live on where the
/// elements keep their order.
void fold_constants(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  const OpRecord& record = op_record(node.op);
  const bool constant = std::all_of(node.inputs.begin(), node.inputs.end(),
                                    [&](ValueId input) { return graph.value(input).constant; });
  if (record.fold == nullptr || node.inputs.empty() || !constant) return;
  const auto folded = record.fold(node.attributes, OpInputs{graph, node.inputs});
  if (!folded) return;
  for (std::size_t k = 0; k < node.outputs.size(); ++k) {
    const ValueId value = graph.add_constant(graph.value(node.outputs[k]).name, folded->at(k));
    if (keeps_order(node)) graph.value(value).quantization = graph.value(node.inputs[0]).quantization;
    graph.replace_uses(node.outputs[k], value);
  }
  graph.erase(id);
}

}  // namespace

/// FakeQuantize with equal input and output ranges becomes an annotation of the value in front of it: activations get u8 scale and zero
/// point, constant weights their s8 scales. Others stay and run in float by the formula; of constants they are evaluated here, and so is
/// what only reads constants then, in one walk, so that a FakeQuantize of a constant is met whatever stands in front of it. One that
/// must stay in float stays, and so does one behind the last layer with weights: no integers are read there, but the file's results are
/// rounded.
void absorb_fake_quantize(Graph& graph) {
  const std::vector<bool> leads = leading_to_weights(graph);
  for (const NodeId id : graph.order()) {
    if (graph.node(id).op != "FakeQuantize") {
      fold_constants(graph, id);
      continue;
    }
    if (graph.node(id).hint != PrecisionHint::keep_float) absorb(graph, id, leads);
    if (!graph.node(id).erased && graph.value(graph.node(id).inputs[0]).constant) evaluate(graph, id);
  }
}

}  // namespace refcalib::engine
