#include <algorithm>
#include <array>
#include <cmath>

#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/fake_quantize.h"
#include "engine/passes/match.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// Limits of a FakeQuantize whose output range equals its input range, one per channel of `axis` or one for all.
struct Limits {
  std::vector<QuantizationRange> ranges;
  std::size_t axis = 0;
};

/// How far the exact zero point may lie from an integer, in levels. Limits that a file stores in 16 bits are off by about 0.06.
constexpr float kZeroPointTolerance = 0.1F;

bool close(float a, float b) {
  return std::abs(a - b) <= 1e-6F * std::max(std::abs(a), std::abs(b));
}

/// The one axis along which the limits vary; nullopt if they vary along several.
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
  const Shape& data = graph.value(node.inputs[0]).shape;
  for (std::size_t i = 1; i < 5; ++i)
    if (!graph.value(node.inputs[i]).constant) return std::nullopt;
  const auto axis = varying_axis(graph.value(node.inputs[1]).shape, data);
  const std::vector<float> il = graph.value(node.inputs[1]).constant.to_floats();
  const std::vector<float> ih = graph.value(node.inputs[2]).constant.to_floats();
  const std::vector<float> ol = graph.value(node.inputs[3]).constant.to_floats();
  const std::vector<float> oh = graph.value(node.inputs[4]).constant.to_floats();
  if (!axis || il.size() != ih.size() || il.size() != ol.size() || il.size() != oh.size())
    return std::nullopt;
  Limits limits{.ranges = {}, .axis = *axis};
  for (std::size_t i = 0; i < il.size(); ++i) {
    if (!close(il[i], ol[i]) || !close(ih[i], oh[i]) || !(ih[i] > il[i])) return std::nullopt;
    limits.ranges.push_back({il[i], ih[i]});
  }
  return limits;
}

/// The dimension of constant weights that counts output channels, seen from the FakeQuantize: the first, but the last for a matrix product
/// whose second input is not transposed.
std::size_t output_axis(const Graph& graph, ValueId weights) {
  for (const NodeId reader : graph.consumers(weights)) {
    const Node& node = graph.node(reader);
    if (node.op == "MatMul" && node.inputs[1] == weights &&
        !node.attributes.as<MatMulAttributes>().transpose_b)
      return graph.value(weights).shape.size() - 1;
  }
  return 0;
}

std::optional<Quantization> weight_scales(const Limits& limits, std::int64_t levels, const Shape& shape,
                                          std::size_t axis) {
  if (levels != 255) return std::nullopt;
  if (limits.ranges.size() > 1 &&
      (limits.axis != axis || shape[axis] != static_cast<std::int64_t>(limits.ranges.size())))
    return std::nullopt;
  for (const QuantizationRange& r : limits.ranges)
    if (!close(r.low, -r.high)) return std::nullopt;
  return weight_quantization(limits.ranges, static_cast<std::int32_t>(levels));
}

std::optional<Quantization> activation_scales(const Limits& limits, std::int64_t levels) {
  if (levels != 256 && levels != 255) return std::nullopt;
  if (limits.ranges.size() > 1 && limits.axis != 1) return std::nullopt;
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

void absorb(Graph& graph, NodeId id) {
  const Node node = graph.node(id);
  const auto limits = plain_limits(graph, node);
  const std::int64_t levels = node.attributes.as<FakeQuantizeAttributes>().levels;
  const ValueId data = node.inputs[0];
  if (graph.value(data).constant) {
    std::optional<Quantization> q;
    if (limits)
      q = weight_scales(*limits, levels, graph.value(data).shape, output_axis(graph, node.outputs.front()));
    if (q)
      replace_by_constant(graph, id, graph.value(data).constant, q);
    else
      evaluate(graph, id);
    return;
  }
  if (!limits) return;
  if (graph.is_output(node.outputs.front())) return;
  const auto q = activation_scales(*limits, levels);
  if (!q || (graph.value(data).quantization && graph.value(data).quantization != q)) return;
  graph.value(data).quantization = q;
  graph.replace_uses(node.outputs.front(), data);
  graph.erase(id);
}

/// Reshapes of constants (weights that were in front of a FakeQuantize) become constants; scales keep their order.
void fold_views(Graph& graph) {
  for (const NodeId id : graph.order()) {
    const Node node = graph.node(id);
    if (node.op != "Reshape" || !graph.value(node.inputs[0]).constant) continue;
    const Value source = graph.value(node.inputs[0]);
    const ValueId out = node.outputs.front();
    const ValueId folded =
        graph.add_constant(graph.value(out).name, source.constant.reshaped(graph.value(out).shape));
    graph.value(folded).quantization = source.quantization;
    graph.replace_uses(out, folded);
    graph.erase(id);
  }
}

}  // namespace

/// FakeQuantize with equal input and output ranges becomes an annotation of the value in front of it: activations get u8 scale and zero
/// point, constant weights their s8 scales. Others stay and run in float by the formula; of constants they are evaluated here.
void absorb_fake_quantize(Graph& graph) {
  for (const NodeId id : graph.order()) {
    if (graph.node(id).op != "FakeQuantize") continue;
    absorb(graph, id);
    if (!graph.node(id).erased && graph.value(graph.node(id).inputs[0]).constant) evaluate(graph, id);
  }
  fold_views(graph);
}

}  // namespace refcalib::engine
