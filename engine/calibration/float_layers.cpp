#include "engine/calibration/float_layers.h"

#include <algorithm>
#include <set>

#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"
#include "engine/ops/op.h"

namespace refcalib::engine {
namespace {

/// The nodes of a simplified graph with the names of the layers that each stands for.
class LayerNames {
 public:
  LayerNames() = default;
  LayerNames(const Graph& simplified, const Graph& original) {
    for (const NodeId id : simplified.order()) {
      auto names = layers_of(original, simplified, simplified.node(id));
      all_.insert(names.begin(), names.end());
      nodes_.emplace_back(id, std::move(names));
    }
  }

  const std::set<std::string>& all() const noexcept { return all_; }

  std::set<NodeId> matching(const NamePatterns& patterns) const {
    patterns.require_matches(all_, "layer");
    std::set<NodeId> found;
    for (const auto& [id, names] : nodes_)
      if (std::any_of(names.begin(), names.end(),
                      [&](const std::string& name) { return patterns.matches(name); }))
        found.insert(id);
    return found;
  }

 private:
  std::vector<std::pair<NodeId, std::set<std::string>>> nodes_;
  std::set<std::string> all_;
};

/// `from` and everything that depends on it.
std::set<NodeId> behind(const Graph& graph, const std::set<NodeId>& from) {
  std::set<NodeId> reached = from;
  for (const NodeId id : graph.order())
    for (const ValueId in : graph.node(id).inputs)
      if (reached.contains(graph.value(in).producer)) reached.insert(id);
  return reached;
}

/// `to` and everything that it depends on.
std::set<NodeId> in_front(const Graph& graph, const std::set<NodeId>& to) {
  std::set<NodeId> reached = to;
  const std::vector<NodeId> order = graph.order();
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    if (!reached.contains(*it)) continue;
    for (const ValueId in : graph.node(*it).inputs)
      if (const NodeId producer = graph.value(in).producer; producer != kNone) reached.insert(producer);
  }
  return reached;
}

std::set<NodeId> between(const Graph& graph, const LayerNames& names, const std::string& first,
                         const std::string& last) {
  const std::set<NodeId> after = behind(graph, names.matching(NamePatterns({first})));
  std::set<NodeId> both;
  for (const NodeId id : in_front(graph, names.matching(NamePatterns({last}))))
    if (after.contains(id)) both.insert(id);
  if (both.empty())
    throw UsageError("no way leads from layer '" + first + "' to layer '" + last + "'",
                     {{}, {}, "name them in the order in which they run"});
  return both;
}

bool has_weights(const Graph& graph, NodeId id) {
  return op_record(graph.node(id).op).rule == QuantizationRule::weighted;
}

/// Layers with weights without another one in front of them (or, `last`, behind them).
std::set<NodeId> outermost(const Graph& graph, bool last) {
  std::set<NodeId> found;
  for (const NodeId id : graph.order()) {
    if (!has_weights(graph, id)) continue;
    std::set<NodeId> others = last ? behind(graph, {id}) : in_front(graph, {id});
    others.erase(id);
    if (std::none_of(others.begin(), others.end(), [&](NodeId other) { return has_weights(graph, other); }))
      found.insert(id);
  }
  return found;
}

std::set<NodeId> of_types(const Graph& simplified, const LayerSelection& selection) {
  const NamePatterns types(selection.ignore_types);
  std::set<std::string> known;
  for (const auto& [name, type] : selection.layer_types) known.insert(type);
  std::set<NodeId> found;
  for (const NodeId id : simplified.order()) {
    const Node& node = simplified.node(id);
    known.insert(node.op);
    const auto stated = selection.layer_types.find(node.name);
    if (types.matches(node.op) || (stated != selection.layer_types.end() && types.matches(stated->second)))
      found.insert(id);
  }
  types.require_matches(known, "layer of type");
  return found;
}

}  // namespace

std::set<std::string> layers_of(const Graph& original, const Graph& simplified, const Node& node) {
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

std::vector<std::string> mark_float_layers(Graph& simplified, const Graph& original,
                                           const LayerSelection& selection) {
  std::set<NodeId> marked;
  const auto mark = [&](const std::set<NodeId>& nodes) { marked.insert(nodes.begin(), nodes.end()); };
  const bool by_name =
      !selection.ignore_layers.empty() || !selection.ignore_between.empty() || !selection.int8_layers.empty();
  // Finding the layers that were fused takes time in a network of thousands.
  const LayerNames names = by_name ? LayerNames(simplified, original) : LayerNames();
  mark(names.matching(NamePatterns(selection.ignore_layers)));
  for (const auto& [first, last] : selection.ignore_between) mark(between(simplified, names, first, last));
  mark(of_types(simplified, selection));
  if (selection.float_first) mark(outermost(simplified, false));
  if (selection.float_last) mark(outermost(simplified, true));
  if (const NamePatterns wanted(selection.int8_layers); !wanted.empty()) {
    const std::set<NodeId> integer = names.matching(wanted);
    for (const NodeId id : simplified.order())
      if (has_weights(simplified, id) && !integer.contains(id)) marked.insert(id);
  }
  std::vector<std::string> kept;
  for (const NodeId id : simplified.order()) {
    Node& node = simplified.node(id);
    if (marked.contains(id)) node.hint = PrecisionHint::keep_float;
    if (node.hint == PrecisionHint::keep_float) kept.push_back(node.name);
  }
  return kept;
}

}  // namespace refcalib::engine
