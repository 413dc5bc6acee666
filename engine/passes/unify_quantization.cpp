#include <algorithm>
#include <optional>
#include <set>

#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/passes/fold_input_scales.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {
namespace {

/// A group of values whose channels may keep scales of their own: nothing but concatenation of channels and max pooling moves them, and
/// whatever reads the result can tell the channels apart.
class ChannelwiseGroup {
 public:
  ChannelwiseGroup(const Graph& graph, const std::vector<ValueId>& values)
      : graph_(graph), values_(values.begin(), values.end()) {}

  bool possible() const {
    bool concatenates = false, one_zero_point = true;
    std::optional<std::int32_t> zero_point;
    for (const ValueId id : values_) {
      const Value& value = graph_.value(id);
      const Node* producer = graph_.producer(id);
      if (producer != nullptr && keeps_channels(graph_, *producer)) {
        concatenates = concatenates || producer->op == "Concat";
        if (!readers_allow(id)) return false;
        continue;
      }
      if (producer != nullptr && moves(*producer)) return false;
      if (!value.quantization) return false;
      one_zero_point = one_zero_point &&
                       zero_point.value_or(value.quantization->zero_point) == value.quantization->zero_point;
      zero_point = value.quantization->zero_point;
    }
    return concatenates && (one_zero_point || zero_points_allowed());
  }

 private:
  /// True if the node belongs to the group: it reads and writes values of it.
  bool moves(const Node& node) const {
    const QuantizationRule rule = op_record(node.op).rule;
    const bool mover = rule == QuantizationRule::unify || rule == QuantizationRule::pass ||
                       (rule == QuantizationRule::pooling && keeps_channels(graph_, node));
    return mover && values_.contains(node.inputs.front());
  }

  /// Only plain convolutions read channels with zero points of their own, and nothing may keep the concatenations in float.
  bool zero_points_allowed() const {
    return std::all_of(values_.begin(), values_.end(), [&](ValueId id) {
      const Node* producer = graph_.producer(id);
      if (producer == nullptr || !keeps_channels(graph_, *producer)) return true;
      if (producer->hint == PrecisionHint::keep_float || graph_.is_output(id)) return false;
      const std::vector<NodeId> readers = graph_.consumers(id);
      return std::all_of(readers.begin(), readers.end(), [&](NodeId reader) {
        const Node& node = graph_.node(reader);
        if (node.hint == PrecisionHint::keep_float) return false;
        if (op_record(node.op).rule != QuantizationRule::weighted) return keeps_channels(graph_, node);
        return node.op == "Convolution" && graph_.value(node.inputs[1]).shape.front() == 1;
      });
    });
  }

  bool readers_allow(ValueId id) const {
    const std::vector<NodeId> readers = graph_.consumers(id);
    return std::all_of(readers.begin(), readers.end(), [&](NodeId reader) {
      const Node& node = graph_.node(reader);
      switch (op_record(node.op).rule) {
        case QuantizationRule::weighted:
          return node.inputs.front() == id && takes_channel_scales(graph_, node);
        case QuantizationRule::unify:
        case QuantizationRule::pooling:
          return keeps_channels(graph_, node);
        case QuantizationRule::none:
          return true;
        default:
          return false;
      }
    });
  }

  const Graph& graph_;
  std::set<ValueId> values_;
};

/// Concatenated scales and those that max pooling keeps, in topological order.
void derive_channelwise(Graph& graph, const std::vector<ValueId>& group) {
  const std::set<ValueId> values(group.begin(), group.end());
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (!values.contains(node.outputs.front()) || !keeps_channels(graph, node)) continue;
    Quantization result = *graph.value(node.inputs.front()).quantization;
    result.scale.clear();
    result.zero_points.clear();
    for (const ValueId input : node.inputs) {
      const Quantization& part = *graph.value(input).quantization;
      for (std::size_t c = 0; c < static_cast<std::size_t>(graph.value(input).shape[1]); ++c) {
        result.scale.push_back(part.scale[part.per_channel() ? c : 0]);
        result.zero_points.push_back(part.zero_point_of(c));
      }
    }
    const auto& zeros = result.zero_points;
    if (std::all_of(zeros.begin(), zeros.end(), [&](std::int32_t z) { return z == zeros.front(); })) {
      result.zero_point = zeros.front();
      result.zero_points.clear();
    }
    graph.value(node.outputs.front()).quantization = std::move(result);
  }
}

void give_widest(Graph& graph, const std::vector<ValueId>& group, const std::vector<ValueId>& annotated) {
  QuantizationRange range;
  for (const ValueId id : annotated) range = widest(range, extent(*graph.value(id).quantization));
  const Quantization common = activation_quantization({range}, 256);
  for (const ValueId id : group) graph.value(id).quantization = common;
}

}  // namespace

/// Operations that only move or select values read and write integers of one scale. Where a file states different ranges for the inputs of
/// a concatenation, its channels keep them if all that reads them can tell channels apart; otherwise all values around such
/// operations get the widest of their quantizations.
void unify_quantization(Graph& graph) {
  for (const auto& group : quantization_groups(graph)) {
    if (group.size() < 2) continue;
    std::vector<ValueId> annotated;
    for (const ValueId id : group)
      if (graph.value(id).quantization) annotated.push_back(id);
    if (annotated.empty()) continue;
    const Quantization first = *graph.value(annotated.front()).quantization;
    const bool equal = std::all_of(annotated.begin(), annotated.end(),
                                   [&](ValueId id) { return graph.value(id).quantization == first; });
    if (equal && !first.per_channel()) {
      for (const ValueId id : group) graph.value(id).quantization = first;
    } else if (ChannelwiseGroup(graph, group).possible()) {
      derive_channelwise(graph, group);
    } else {
      give_widest(graph, group, annotated);
    }
  }
}

}  // namespace refcalib::engine
