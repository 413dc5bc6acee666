#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace refcalib::app {

/// Layers that stay in float, by name or type, as a list or a file with one entry a line: the 2019 tool's
/// --ignore_layer_names, --ignore_layer_types and their _path forms.
class LayerLists {
 public:
  void declare(CLI::App& app, const std::string& group);
  /// List and file together. Throws IoError if a file cannot be read.
  std::vector<std::string> names() const;
  std::vector<std::string> types() const;

 private:
  std::vector<std::string> names_, types_, name_files_, type_files_;
};

}  // namespace refcalib::app
