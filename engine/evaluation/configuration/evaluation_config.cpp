#include "engine/evaluation/configuration/evaluation_config.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

using Kind = ConfigNode::Kind;

/// Entries of a list that a map may have.
std::vector<ConfigNode> entries_of(const ConfigNode& map, std::string_view key) {
  const ConfigNode* const found = map.find(key);
  if (found == nullptr || found->kind == Kind::null) return {};
  if (found->kind != Kind::list)
    config_error(*found, "'" + std::string(key) + "' must be a list (lines that begin with '-')");
  return found->list;
}

std::string text_of(const ConfigNode& map, std::string_view key) {
  const ConfigNode* const found = map.find(key);
  return found != nullptr && found->kind == Kind::text ? found->text : "";
}

/// A global entry with the keys of the local one laid over it.
ConfigNode merged(const ConfigNode& local, const std::vector<ConfigNode>& globals, std::string_view key) {
  const std::string name = text_of(local, key);
  for (const ConfigNode& global : globals) {
    if (name.empty() || text_of(global, key) != name) continue;
    ConfigNode result = global;
    result.file = local.file;
    result.line = local.line;
    for (const auto& [field, value] : local.map) result.set(field, value);
    return result;
  }
  return local;
}

class ConfigReader {
 public:
  explicit ConfigReader(const ConfigRequest& request) : request_(request) {}

  ConfigResult read() {
    const ConfigNode root = read_yaml(request_.config);
    if (root.kind != Kind::map) config_error(root, "a configuration with the key 'models' is expected");
    if (!request_.definitions.empty()) definitions_ = read_yaml(request_.definitions);
    const std::vector<ConfigNode> models = entries_of(root, "models");
    if (models.empty()) {
      const std::string near = root.map.empty() ? "" : nearest_name(root.map.front().first, {"models"});
      config_error(root, "the configuration has no 'models'",
                   root.find("pipelines") != nullptr ? "'pipelines' are not supported"
                   : near.empty() ? "a list of models with name, launchers and datasets is expected"
                                  : "did you mean 'models' by '" + root.map.front().first + "'?");
    }
    for (const ConfigNode& model : models) read_model(model);
    if (result_.evaluations.empty())
      config_error(root, "no launcher of the configuration is for device CPU" +
                             std::string(request_.tags.empty() ? "" : " and the tags asked for"));
    return std::move(result_);
  }

 private:
  void read_model(const ConfigNode& node) {
    if (node.kind != Kind::map) config_error(node, "a model must have the fields name, launchers, datasets");
    Fields fields(node, "model", "name");
    const std::string name = fields.text("name");
    fields.rename("model '" + name + "'");
    fields.raw("launchers");
    fields.raw("datasets");
    fields.finish();
    const auto launchers = entries_of(node, "launchers"), datasets = entries_of(node, "datasets");
    if (launchers.empty()) config_error(node, fields.what() + " has no 'launchers'");
    if (datasets.empty()) config_error(node, fields.what() + " has no 'datasets'");
    for (const ConfigNode& local : launchers) {
      const ConfigNode launcher = merged(local, entries_of(definitions_, "launchers"), "framework");
      if (!selected(launcher)) continue;
      const LauncherConfig read = read_launcher(launcher);
      for (const ConfigNode& dataset : datasets)
        result_.evaluations.push_back(
            {name, read, read_dataset(merged(dataset, entries_of(definitions_, "datasets"), "name")),
             request_.prefixes});
    }
  }

  /// By device and tags. A launcher without a device is for the one asked for.
  bool selected(const ConfigNode& launcher) {
    const std::string device = text_of(launcher, "device");
    std::string upper;
    for (const char c : device) upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (!device.empty() && upper != "CPU") {
      result_.warnings.push_back(launcher.where() + ": the launcher for device " + device +
                                 " is left out; this program runs on the CPU");
      return false;
    }
    if (request_.tags.empty()) return true;
    const ConfigNode* const tags = launcher.find("tags");
    if (tags == nullptr) return false;
    return std::any_of(tags->list.begin(), tags->list.end(), [&](const ConfigNode& tag) {
      return std::find(request_.tags.begin(), request_.tags.end(), tag.text) != request_.tags.end();
    });
  }

  static fs::path joined(const fs::path& prefix, const std::string& path) {
    return fs::path(path).is_absolute() || prefix.empty() ? fs::path(path) : prefix / path;
  }

  LauncherConfig read_launcher(const ConfigNode& node) {
    Fields fields(node, "launcher", "framework");
    LauncherConfig launcher;
    fields.choice("framework", "dlsdk", {"dlsdk", "openvino"});
    fields.text("device", "CPU");
    const auto converted = converted_model(fields);
    launcher.model = converted ? *converted : joined(request_.prefixes.models, fields.text("model"));
    if (const auto weights = fields.optional_text("weights"))
      launcher.weights = joined(request_.prefixes.models, *weights);
    if (const auto batch = fields.optional_number("batch", {1, 65536, true}))
      launcher.batch = static_cast<int>(*batch);
    launcher.reshape = fields.flag("allow_reshape_input", false);
    for (const char* key : {"cpu_extensions", "gpu_extensions", "bitstream", "affinity_map", "async_mode",
                            "num_requests", "mo_params", "mo_flags", "outputs", "tags"})
      if (fields.raw(key) != nullptr && std::string_view(key) != "tags")
        result_.warnings.push_back(node.where() + ": '" + key + "' of the launcher has no effect here");
    const ConfigNode* const adapter = fields.raw("adapter");
    if (adapter == nullptr) fields.fail("adapter", "'adapter' is missing");
    launcher.adapter = *adapter;
    fields.raw("inputs");
    for (const ConfigNode& input : entries_of(node, "inputs")) launcher.inputs.push_back(read_input(input));
    fields.finish();
    launcher.understood = fields.entries();
    return launcher;
  }

  /// A model of another framework would have to be converted first. What the Model Optimizer makes of it, the
  /// same name with .xml in the folder of converted models, is taken.
  std::optional<fs::path> converted_model(Fields& fields) {
    std::optional<fs::path> result;
    for (const char* key : {"tf_model", "tf_meta", "caffe_model", "caffe_weights", "mxnet_weights",
                            "onnx_model", "kaldi_model"}) {
      const auto path = fields.optional_text(key);
      if (!path || fields.has("model")) continue;
      const PathPrefixes& prefixes = request_.prefixes;
      const fs::path folder = prefixes.converted.empty() ? prefixes.models : prefixes.converted;
      result = joined(folder, fs::path(*path).filename().replace_extension(".xml").string());
      result_.warnings.push_back(
          fields.node().where() + ": '" + key +
          "' would have to be converted, and no Model Optimizer is built in; the converted model " +
          result->string() + " is taken");
    }
    return result;
  }

  static InputBinding read_input(const ConfigNode& node) {
    Fields fields(node, "input", "name");
    InputBinding input;
    input.name = fields.text("name");
    fields.rename("input '" + input.name + "'");
    const std::string type = fields.choice("type", "INPUT", {"INPUT", "CONST_INPUT", "IMAGE_INFO"});
    input.kind = type == "INPUT"         ? InputBinding::Kind::data
                 : type == "CONST_INPUT" ? InputBinding::Kind::constant
                                         : InputBinding::Kind::image_info;
    if (input.kind == InputBinding::Kind::constant) {
      input.constant = fields.numbers("value");
      if (input.constant.empty()) fields.fail("value", "'value' is missing");
    } else if (const auto pattern = fields.optional_text("value")) {
      input.pattern = *pattern;
      try {
        const std::regex checked(*pattern);
      } catch (const std::regex_error&) {
        fields.fail("value", "'" + *pattern + "' is no regular expression");
      }
    }
    input.channels_last = fields.choice("layout", "NCHW", {"NCHW", "NHWC"}) == "NHWC";
    fields.ignore("shape");
    fields.ignore("precision");
    fields.finish();
    return input;
  }

  DatasetConfig read_dataset(const ConfigNode& node) {
    Fields fields(node, "dataset", "name");
    DatasetConfig dataset;
    dataset.name = fields.text("name");
    fields.rename("dataset '" + dataset.name + "'");
    const PathPrefixes& prefixes = request_.prefixes;
    dataset.data = joined(prefixes.source, fields.text("data_source", ""));
    if (const auto path = fields.optional_text("annotation"))
      dataset.annotation = joined(prefixes.annotations, *path);
    if (const auto path = fields.optional_text("dataset_meta"))
      dataset.meta = joined(prefixes.annotations, *path);
    const auto masks = fields.optional_text("segmentation_masks_source");
    dataset.masks = masks ? joined(prefixes.source, *masks) : dataset.data;
    if (const ConfigNode* const conversion = fields.raw("annotation_conversion"))
      dataset.conversion = *conversion;
    if (dataset.annotation.empty() && !dataset.conversion)
      fields.fail("annotation", "neither 'annotation' nor 'annotation_conversion' is given");
    dataset.subset = fields.text("subsample_size", "");
    dataset.subset_seed = static_cast<std::uint64_t>(fields.integer("subsample_seed", 666, 0, 2147483647));
    const ConfigNode* const reader = fields.raw("reader");
    if (reader == nullptr) fields.text("reader", "opencv_imread");
    dataset.reader = reader != nullptr ? *reader : text_node("opencv_imread");
    for (const char* key : {"preprocessing", "postprocessing", "metrics"}) fields.raw(key);
    dataset.preprocessing = entries_of(node, "preprocessing");
    dataset.postprocessing = entries_of(node, "postprocessing");
    dataset.metrics = entries_of(node, "metrics");
    if (dataset.metrics.empty()) fields.fail("metrics", "'metrics' is missing");
    if (fields.flag("analyze_dataset", false))
      result_.warnings.push_back(node.where() + ": 'analyze_dataset' has no effect here");
    fields.finish();
    dataset.understood = fields.entries();
    return dataset;
  }

  const ConfigRequest& request_;
  ConfigNode definitions_;
  ConfigResult result_;
};

}  // namespace

ConfigResult read_configuration(const ConfigRequest& request) {
  return ConfigReader(request).read();
}

}  // namespace refcalib::engine
