#include "engine/passes/quantization_groups.h"

#include <algorithm>
#include <numeric>

#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/pooling.h"

namespace refcalib::engine {
namespace {

/// Disjoint sets of values.
class Sets {
 public:
  explicit Sets(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), ValueId{0}); }
  ValueId root(ValueId id) {
    while (parent_[id] != id) id = parent_[id] = parent_[parent_[id]];
    return id;
  }
  void join(ValueId a, ValueId b) { parent_[std::max(root(a), root(b))] = std::min(root(a), root(b)); }

 private:
  std::vector<ValueId> parent_;
};

/// True if every output element is one of the input elements.
bool keeps_values(const Node& node) {
  const QuantizationRule rule = op_record(node.op).rule;
  if (rule == QuantizationRule::pooling) return node.attributes.as<PoolingAttributes>().method == "max";
  return rule == QuantizationRule::unify || rule == QuantizationRule::pass;
}

}  // namespace

std::vector<std::vector<ValueId>> quantization_groups(const Graph& graph) {
  Sets sets(graph.value_count());
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (!keeps_values(node)) continue;
    const std::size_t data_inputs =
        op_record(node.op).rule == QuantizationRule::unify ? node.inputs.size() : 1;
    for (std::size_t i = 0; i < data_inputs; ++i)
      if (!graph.value(node.inputs[i]).constant) sets.join(node.inputs[i], node.outputs.front());
    for (const ValueId out : node.outputs) sets.join(out, node.outputs.front());
  }
  std::vector<std::vector<ValueId>> groups(graph.value_count());
  for (ValueId id = 0; id < graph.value_count(); ++id)
    if (!graph.value(id).constant) groups[sets.root(id)].push_back(id);
  std::erase_if(groups, [](const auto& group) { return group.empty(); });
  return groups;
}

bool keeps_channels(const Graph& graph, const Node& node) {
  const std::size_t rank = graph.value(node.inputs.front()).shape.size();
  if (rank < 3) return false;
  if (node.op == "Concat") return node.attributes.as<ConcatAttributes>().axis == 1;
  return op_record(node.op).rule == QuantizationRule::pooling && keeps_values(node);
}

QuantizationRange extent(const Quantization& q) {
  QuantizationRange range;
  for (const float scale : q.scale) {
    range.low = std::min(range.low, scale * static_cast<float>(q.qmin - q.zero_point));
    range.high = std::max(range.high, scale * static_cast<float>(q.qmax - q.zero_point));
  }
  return range;
}

QuantizationRange widest(const QuantizationRange& a, const QuantizationRange& b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

}  // namespace refcalib::engine
