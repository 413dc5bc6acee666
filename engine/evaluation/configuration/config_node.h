#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/core/error.h"

namespace refcalib::engine {

/// A piece of a configuration file as it stands there, with the place it came from.
struct ConfigNode {
  enum class Kind : std::uint8_t { null, text, list, map };
  Kind kind = Kind::null;
  std::string text;                                     ///< of a scalar
  std::vector<ConfigNode> list;                         ///< entries of a list
  std::vector<std::pair<std::string, ConfigNode>> map;  ///< in the order of the file
  std::shared_ptr<const std::string> file;              ///< null: made by the program
  int line = 0;                                         ///< from 1; 0: unknown

  /// The value of a key, or null.
  const ConfigNode* find(std::string_view key) const noexcept;
  ConfigNode* find(std::string_view key) noexcept;
  /// Replaces or appends a key.
  void set(std::string_view key, ConfigNode value);
  /// "FILE:LINE", for messages.
  std::string where() const;
};

/// An error in a configuration: `FILE:LINE: WHAT; REMEDY`.
[[noreturn]] void config_error(const ConfigNode& at, const std::string& what, const std::string& remedy = {});

ConfigNode text_node(std::string text);
/// A map of texts, as made by a program: for tests and command lines.
ConfigNode map_node(const std::vector<std::pair<std::string, std::string>>& entries);

/// Reads a YAML file. Throws IoError; FormatError with the line.
ConfigNode read_yaml(const std::filesystem::path& path);
/// The same from a text; `name` stands for the file in messages.
ConfigNode parse_yaml(const std::string& text, const std::string& name);

}  // namespace refcalib::engine
