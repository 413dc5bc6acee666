#include "engine/calibration/candidates.h"

#include <algorithm>
#include <set>

#include "engine/ops/op.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {

Candidates find_candidates(const Graph& graph) {
  Graph trial = graph;
  for (ValueId id = 0; id < trial.value_count(); ++id)
    if (!trial.value(id).constant && trial.value(id).dtype == DType::f32)
      trial.value(id).quantization = activation_quantization({{0, 1}}, 256);
  place_int8(trial);
  std::vector<bool> stored(graph.value_count(), false);
  Candidates found;
  for (const NodeId id : trial.order()) {
    const Node& node = trial.node(id);
    if (node.op == "Quantize" && node.inputs.front() < graph.value_count())
      stored[node.inputs.front()] = true;
    for (const ValueId out : node.outputs)
      if (out < graph.value_count() && trial.value(out).dtype == DType::u8) stored[out] = true;
    const ValueId first = node.inputs.empty() ? kNone : node.inputs.front();
    if (op_record(node.op).rule == QuantizationRule::weighted && trial.value(first).dtype == DType::u8)
      found.weighted.push_back(id);
  }
  for (auto& group : quantization_groups(graph)) {
    std::erase_if(group, [&](ValueId id) { return !stored[id]; });
    if (!group.empty()) found.groups.push_back(std::move(group));
  }
  return found;
}

}  // namespace refcalib::engine
