#include "engine/calibration/table_names.h"

#include <optional>

#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

using Place = tables::ActivationEntry::Place;

/// The one input of a node that is computed; nullopt if there are several.
std::optional<ValueId> sole_data_input(const Graph& graph, const Node& node) {
  std::optional<ValueId> found;
  for (const ValueId input : node.inputs) {
    if (graph.value(input).constant) continue;
    if (found) return std::nullopt;
    found = input;
  }
  return found;
}

}  // namespace

std::string plain_name(std::string name) {
  constexpr std::string_view product = "/WithoutBiases";
  if (name.ends_with(product)) name.resize(name.size() - product.size());
  return name;
}

TableNames::TableNames(const Graph& original, const Graph& simplified, const tables::CalibrationTable& table)
    : original_(original), simplified_(simplified), table_(table) {
  for (const tables::ActivationEntry& entry : table.activations)
    (entry.place == Place::output ? outputs_ : inputs_).emplace(entry.name, &entry);
  for (const tables::WeightEntry& entry : table.weights) weights_.emplace(entry.layer, &entry);
  for (const ValueId id : simplified.inputs) observed_names_.insert(simplified.value(id).name);
  for (const NodeId id : simplified.order())
    for (const ValueId output : simplified.node(id).outputs)
      observed_names_.insert(simplified.value(output).name);
}

const tables::ActivationEntry* TableNames::output_entry(ValueId value) const {
  const auto named = [&](const std::string& name) -> const tables::ActivationEntry* {
    for (const std::string& spelling : {name, plain_name(name), name + ":0"})
      if (const auto found = outputs_.find(spelling); found != outputs_.end()) return found->second;
    return nullptr;
  };
  const std::string& name = simplified_.value(value).name;
  if (const auto* const entry = named(name)) return entry;
  // What was fused, from the last layer to the first, as far as it is no value of its own any more.
  ValueId at = original_.find_value(name);
  while (at != kNone) {
    const Node* const producer = original_.producer(at);
    if (producer == nullptr) return nullptr;
    if (const auto* const entry = named(producer->name)) return entry;
    if (weighted_traits(*producer) != nullptr) return nullptr;
    const auto input = sole_data_input(original_, *producer);
    if (!input || observed_names_.contains(original_.value(*input).name)) return nullptr;
    at = *input;
    if (const auto* const entry = named(original_.value(at).name)) return entry;
  }
  return nullptr;
}

std::vector<const tables::ActivationEntry*> TableNames::of(ValueId value) const {
  std::vector<const tables::ActivationEntry*> found;
  if (const auto* const entry = output_entry(value)) found.push_back(entry);
  for (const NodeId reader : simplified_.consumers(value)) {
    const Node& node = simplified_.node(reader);
    if (weighted_traits(node) == nullptr || node.inputs.front() != value) continue;
    for (const std::string& name : {node.name, plain_name(node.name)})
      if (const auto entry = inputs_.find(name); entry != inputs_.end()) {
        found.push_back(entry->second);
        break;
      }
  }
  return found;
}

const tables::WeightEntry* TableNames::weights_of(const Node& node) const {
  std::vector<std::string> names{node.name, plain_name(node.name)};
  if (node.inputs.size() > 1) names.push_back(simplified_.value(node.inputs[1]).name);
  for (const std::string& name : names)
    if (const auto found = weights_.find(name); found != weights_.end()) return found->second;
  return nullptr;
}

std::set<std::string> TableNames::known() const {
  std::set<std::string> names;
  for (const Graph* const graph : {&original_, &simplified_}) {
    for (const ValueId id : graph->inputs) names.insert(graph->value(id).name);
    for (const NodeId id : graph->order()) {
      const Node& node = graph->node(id);
      names.insert(node.name);
      names.insert(plain_name(node.name));
      for (const ValueId output : node.outputs) names.insert(graph->value(output).name);
    }
  }
  return names;
}

std::vector<std::string> TableNames::unmatched() const {
  const std::set<std::string> names = known();
  std::vector<std::string> missing;
  for (const tables::ActivationEntry& entry : table_.activations) {
    const bool with_number = entry.name.ends_with(":0");
    const std::string bare = with_number ? entry.name.substr(0, entry.name.size() - 2) : entry.name;
    if (!names.contains(entry.name) && !names.contains(bare)) missing.push_back(entry.name);
  }
  return missing;
}

}  // namespace refcalib::engine
