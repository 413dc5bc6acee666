#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/evaluation/configuration/config_node.h"
#include "engine/evaluation/configuration/fields.h"

namespace refcalib::engine {

/// Folders that relative paths of a configuration begin at: the options -m, -s, -a, -C of the tools.
struct PathPrefixes {
  std::filesystem::path models, source, annotations, converted;
};

/// What a configuration is read with besides its file.
struct ConfigRequest {
  std::filesystem::path config, definitions;  ///< definitions may be empty
  PathPrefixes prefixes;
  std::vector<std::string> devices{"CPU"};
  std::vector<std::string> tags;
  bool label_free = false;  ///< datasets need neither annotations nor metrics
};

/// What a network input gets.
struct InputBinding {
  enum class Kind : std::uint8_t { data, constant, image_info } kind = Kind::data;
  std::string name;
  std::string pattern;           ///< data: matches the beginning of the id that it takes; empty: the first id
  std::vector<double> constant;  ///< one row
  bool channels_last = false;    ///< layout NHWC
};

/// A network and how it is run.
struct LauncherConfig {
  std::filesystem::path model, weights;
  std::optional<int> batch;
  bool reshape = false;
  std::vector<InputBinding> inputs;
  ConfigNode adapter;
  std::vector<Fields::Entry> understood;
};

/// Labelled data and what is done with them.
struct DatasetConfig {
  std::string name;
  std::filesystem::path data, annotation, meta, masks;
  std::optional<ConfigNode> conversion;
  std::string subset;  ///< "N" or "N%"; empty: all
  std::uint64_t subset_seed = 666;
  ConfigNode reader;
  std::vector<ConfigNode> preprocessing, postprocessing, metrics;
  std::vector<Fields::Entry> understood;
};

/// One evaluation: a network on a dataset.
struct EvaluationConfig {
  std::string name;  ///< of the model
  LauncherConfig launcher;
  DatasetConfig dataset;
  PathPrefixes prefixes;
};

/// What was read, and notes on what has no effect here.
struct ConfigResult {
  std::vector<EvaluationConfig> evaluations;
  std::vector<std::string> warnings;
};

/// Reads a configuration of the Accuracy Checker: `models` with `launchers` and `datasets`, each completed by
/// the definitions (the launcher of the same framework, the dataset of the same name; keys of the local entry
/// win as a whole). Every pair of a launcher and a dataset of a model is one evaluation. Throws FormatError
/// with file, line and accepted spellings; UnsupportedError for what this program does not do.
ConfigResult read_configuration(const ConfigRequest& request);

}  // namespace refcalib::engine
