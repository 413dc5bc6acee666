#include "engine/calibration/candidates.h"

#include <algorithm>

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

std::vector<std::string> mark_float_layers(Graph& graph, const CalibrationOptions& options) {
  const auto listed = [](const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  std::vector<std::string> kept;
  for (const NodeId id : graph.order()) {
    Node& node = graph.node(id);
    bool ignored = listed(options.ignore_layers, node.name) || listed(options.ignore_types, node.op);
    // A fused activation or sum gives its name to the value that the layer writes.
    for (const ValueId out : node.outputs)
      ignored = ignored || listed(options.ignore_layers, graph.value(out).name);
    if (ignored) node.hint = PrecisionHint::keep_float;
    if (node.hint == PrecisionHint::keep_float) kept.push_back(node.name);
  }
  const auto reject_unknown = [&](const std::vector<std::string>& list, const char* what, auto matches) {
    std::string unknown;
    for (const std::string& entry : list) {
      const auto found = [&](NodeId id) { return matches(graph.node(id), entry); };
      const std::vector<NodeId> order = graph.order();
      if (std::none_of(order.begin(), order.end(), found))
        unknown += (unknown.empty() ? "'" : ", '") + entry + "'";
    }
    if (!unknown.empty())
      throw UsageError(std::string("no layer ") + what + unknown + " to leave in float",
                       {{}, {}, "list the layers with 'refcalib inspect'"});
  };
  reject_unknown(options.ignore_layers, "", [&](const Node& node, const std::string& name) {
    return node.name == name || std::any_of(node.outputs.begin(), node.outputs.end(),
                                            [&](ValueId out) { return graph.value(out).name == name; });
  });
  reject_unknown(options.ignore_types, "of type ",
                 [](const Node& node, const std::string& type) { return node.op == type; });
  return kept;
}

}  // namespace refcalib::engine
