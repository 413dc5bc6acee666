#include "engine/evaluation/configuration/config_node.h"

namespace refcalib::engine {

const ConfigNode* ConfigNode::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : map)
    if (name == key) return &value;
  return nullptr;
}

ConfigNode* ConfigNode::find(std::string_view key) noexcept {
  for (auto& [name, value] : map)
    if (name == key) return &value;
  return nullptr;
}

void ConfigNode::set(std::string_view key, ConfigNode value) {
  kind = Kind::map;
  if (ConfigNode* const present = find(key))
    *present = std::move(value);
  else
    map.emplace_back(std::string(key), std::move(value));
}

std::string ConfigNode::where() const {
  if (!file) return {};
  return line > 0 ? *file + ":" + std::to_string(line) : *file;
}

void config_error(const ConfigNode& at, const std::string& what, const std::string& remedy) {
  throw FormatError(what, {.file = at.where(), .remedy = remedy});
}

ConfigNode text_node(std::string text) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::text;
  node.text = std::move(text);
  return node;
}

ConfigNode map_node(const std::vector<std::pair<std::string, std::string>>& entries) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::map;
  for (const auto& [key, value] : entries) node.map.emplace_back(key, text_node(value));
  return node;
}

}  // namespace refcalib::engine
