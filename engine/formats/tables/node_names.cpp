#include "engine/formats/tables/node_names.h"

#include <array>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace refcalib::engine::tables {
namespace {

std::string named(const NodeName& name, Naming naming) {
  switch (naming) {
    case Naming::nodes:
      return name.node;
    case Naming::typed_values:
      return name.value + "_" + name.type;
    case Naming::values:
      break;
  }
  return name.value;
}

CalibrationTable renamed(CalibrationTable table,
                         const std::function<const std::string&(const std::string& name)>& to) {
  // An entry whose new name another one has already keeps its own.
  std::set<std::pair<std::string, ActivationEntry::Place>> places;
  for (ActivationEntry& entry : table.activations)
    if (places.emplace(to(entry.name), entry.place).second) entry.name = to(entry.name);
  std::set<std::string> layers;
  for (WeightEntry& entry : table.weights)
    if (layers.insert(to(entry.layer)).second) entry.layer = to(entry.layer);
  return table;
}

}  // namespace

CalibrationTable by_values(CalibrationTable table, Naming naming, std::span<const NodeName> names) {
  std::map<std::string, std::string, std::less<>> value_of;
  for (const Naming order : std::array{naming, Naming::values, Naming::nodes, Naming::typed_values})
    for (const NodeName& name : names) value_of.emplace(named(name, order), name.value);
  return renamed(std::move(table), [&](const std::string& name) -> const std::string& {
    const auto found = value_of.find(name);
    return found == value_of.end() ? name : found->second;
  });
}

CalibrationTable by_names(CalibrationTable table, Naming naming, std::span<const NodeName> names) {
  std::map<std::string, std::string, std::less<>> name_of;
  for (const NodeName& name : names) name_of.emplace(name.value, named(name, naming));
  return renamed(std::move(table), [&](const std::string& name) -> const std::string& {
    const auto found = name_of.find(name);
    return found == name_of.end() ? name : found->second;
  });
}

}  // namespace refcalib::engine::tables
