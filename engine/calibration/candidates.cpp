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

namespace {

bool listed(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

/// Names of the layers of `original` that a simplified node stands for: those on the way from the layer that gave it its name to the
/// one that gave it the name of its result.
std::set<std::string> names_of(const Graph& original, const Graph& simplified, const Node& node) {
  std::set<std::string> names{node.name};
  std::set<NodeId> behind;
  for (const NodeId id : original.order()) {
    const Node& layer = original.node(id);
    bool reached = layer.name == node.name;
    for (const ValueId in : layer.inputs) reached = reached || behind.contains(original.value(in).producer);
    if (reached) behind.insert(id);
  }
  for (const ValueId out : node.outputs) {
    names.insert(simplified.value(out).name);
    std::vector<NodeId> open;
    const auto visit = [&](NodeId id) {
      if (id != kNone && behind.erase(id) > 0) open.push_back(id);
    };
    if (const ValueId end = original.find_value(simplified.value(out).name); end != kNone)
      visit(original.value(end).producer);
    while (!open.empty()) {
      const Node& layer = original.node(open.back());
      open.pop_back();
      names.insert(layer.name);
      if (layer.name == node.name) continue;
      for (const ValueId in : layer.inputs) visit(original.value(in).producer);
    }
  }
  return names;
}

void reject_unknown(const std::vector<std::string>& list, const std::set<std::string>& known,
                    const std::string& what) {
  std::string unknown;
  for (const std::string& entry : list)
    if (!known.contains(entry)) unknown += (unknown.empty() ? "'" : ", '") + entry + "'";
  if (!unknown.empty())
    throw UsageError("no layer " + what + unknown + " to leave in float",
                     {{}, {}, "list the layers with 'refcalib inspect'"});
}

}  // namespace

std::vector<std::string> mark_float_layers(Graph& simplified, const Graph& original,
                                           const CalibrationOptions& options) {
  std::set<std::string> known_names, known_types;
  std::vector<std::string> kept;
  for (const NodeId id : simplified.order()) {
    Node& node = simplified.node(id);
    bool ignored = listed(options.ignore_types, node.op);
    known_types.insert(node.op);
    if (!options.ignore_layers.empty())
      for (const std::string& name : names_of(original, simplified, node)) {
        ignored = ignored || listed(options.ignore_layers, name);
        known_names.insert(name);
      }
    if (ignored) node.hint = PrecisionHint::keep_float;
    if (node.hint == PrecisionHint::keep_float) kept.push_back(node.name);
  }
  reject_unknown(options.ignore_layers, known_names, "");
  reject_unknown(options.ignore_types, known_types, "of type ");
  return kept;
}

}  // namespace refcalib::engine
