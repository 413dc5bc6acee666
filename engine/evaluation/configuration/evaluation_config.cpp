#include "engine/evaluation/configuration/evaluation_config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

using Kind = ConfigNode::Kind;

/// Frameworks that the Accuracy Checker runs models in besides dlsdk.
constexpr std::array<std::string_view, 9> kOtherFrameworks{
    "caffe", "tf", "tf_lite", "mxnet", "onnx_runtime", "opencv", "pytorch", "paddle_paddle", "dummy"};
/// What the Model Optimizer would have put into the model: without it the model gives other answers.
constexpr std::array<std::string_view, 4> kOptimizerPreprocessing{"mean_values", "scale_values", "scale",
                                                                  "reverse_input_channels"};

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
      config_error(root, "no launcher of the configuration is of framework dlsdk and for device CPU" +
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

  /// By framework, device and tags. A launcher without a device is for the one asked for.
  bool selected(const ConfigNode& launcher) {
    const std::string framework = text_of(launcher, "framework");
    if (std::find(kOtherFrameworks.begin(), kOtherFrameworks.end(), framework) != kOtherFrameworks.end()) {
      result_.warnings.push_back(launcher.where() + ": the launcher of framework " + framework +
                                 " is left out; launchers of dlsdk are run");
      return false;
    }
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
    const auto other = other_model(fields, launcher);
    launcher.model = other ? *other : joined(request_.prefixes.models, fields.text("model"));
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
    for (const InputBinding& input : launcher.inputs)
      launcher.understood.push_back({"input " + input.name, description_of(input), true});
    return launcher;
  }

  /// Models of ONNX and Caffe are read as they are. One of another framework would have to be converted first: what the Model Optimizer
  /// makes of it, the same name with .xml in the folder of converted models, is taken.
  std::optional<fs::path> other_model(Fields& fields, LauncherConfig& launcher) {
    const PathPrefixes& prefixes = request_.prefixes;
    std::optional<fs::path> result;
    for (const char* key : {"onnx_model", "caffe_model"})
      if (const auto path = fields.optional_text(key); path && !fields.has("model")) {
        result = joined(prefixes.models, *path);
        refuse_optimizer_preprocessing(fields);
      }
    if (const auto path = fields.optional_text("caffe_weights"); path && !fields.has("model"))
      launcher.weights = joined(prefixes.models, *path);
    for (const char* key : {"tf_model", "tf_meta", "mxnet_weights", "kaldi_model"}) {
      const auto path = fields.optional_text(key);
      if (!path || fields.has("model")) continue;
      const fs::path folder = prefixes.converted.empty() ? prefixes.models : prefixes.converted;
      result = joined(folder, fs::path(*path).filename().replace_extension(".xml").string());
      result_.warnings.push_back(
          fields.node().where() + ": '" + key +
          "' would have to be converted, and no Model Optimizer is built in; the converted model " +
          result->string() + " is taken");
    }
    return result;
  }

  static void refuse_optimizer_preprocessing(const Fields& fields) {
    const ConfigNode* const values = fields.node().find("mo_params");
    for (const std::string_view key : kOptimizerPreprocessing)
      if (values != nullptr && values->find(key) != nullptr)
        config_error(*values->find(key), "'" + std::string(key) + "' would have to be put into the model",
                     "make such a model with refcalib convert and name it as 'model'");
    const ConfigNode* const flags = fields.node().find("mo_flags");
    if (flags == nullptr) return;
    for (const ConfigNode& flag : flags->list)
      if (flag.text == "reverse_input_channels")
        config_error(flag, "'reverse_input_channels' would have to be put into the model",
                     "add bgr_to_rgb to 'preprocessing' and remove the flag");
  }

  static std::string description_of(const InputBinding& input) {
    std::string text = "INPUT, " + std::string(input.channels_last ? "NHWC" : "NCHW");
    if (input.kind == InputBinding::Kind::image_info) return "IMAGE_INFO";
    if (input.kind == InputBinding::Kind::constant) text = "CONST_INPUT";
    for (const double value : input.constant) text += " " + number_text(value);
    if (!input.pattern.empty()) text += ", ids that begin with '" + input.pattern + "'";
    return text;
  }

  /// Numbers of a list, whose rows may be lists.
  static void read_constant(const ConfigNode& node, Fields& fields, std::vector<double>& into) {
    for (const ConfigNode& entry : node.list) read_constant(entry, fields, into);
    if (node.kind != Kind::text) return;
    const auto value = parse_number(node.text);
    if (!value) fields.fail("value", "'value' holds '" + node.text + "'", "numbers are expected");
    into.push_back(*value);
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
      if (const ConfigNode* const value = fields.raw("value")) read_constant(*value, fields, input.constant);
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
    if (dataset.annotation.empty() && !dataset.conversion && !request_.label_free)
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
    if (dataset.metrics.empty() && !request_.label_free) fields.fail("metrics", "'metrics' is missing");
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
