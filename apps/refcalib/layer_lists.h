#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "engine/calibration/options.h"
#include "engine/formats/ir/document.h"

namespace refcalib::app {

/// Which layers stay in float: by name or type, as a list or a file with one entry a line (the 2019 tool's
/// --ignore_layer_names, --ignore_layer_types and their _path forms), by their place in the network, or as all
/// but those of a list.
class LayerLists {
 public:
  void declare(CLI::App& app, const std::string& group);
  /// Throws IoError if a file cannot be read, UsageError for a way that has no two ends.
  engine::LayerSelection selection(const engine::ir::Document& document) const;

 private:
  std::vector<std::string> names_, types_, integer_, name_files_, type_files_, integer_files_, between_;
  std::string first_ = "int8", last_ = "int8";
};

}  // namespace refcalib::app
