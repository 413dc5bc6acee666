#include "apps/refcalib/configured_data.h"

#include <filesystem>

#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/configured_source.h"
#include "engine/evaluation/label_free.h"

namespace refcalib::app {
namespace {

engine::EvaluationConfig only_one(std::vector<engine::EvaluationConfig> all, const std::string& file) {
  if (all.size() != 1)
    throw engine::UsageError("calibration takes one model on one dataset; this configuration has " +
                                 counted(all.size(), "pair") + " of a launcher and a dataset",
                             {.file = file, .remedy = "leave one, or choose launchers with --target-tags"});
  return std::move(all.front());
}

engine::EvaluationConfig completed(engine::EvaluationConfig config, const ModelOptions& model) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(model.model, ignored)) {
    config.launcher.model = model.model;
    config.launcher.weights.clear();
  }
  if (!model.weights.empty()) config.launcher.weights = model.weights;
  if (model.batch != 0) config.launcher.batch = static_cast<int>(model.batch);
  return config;
}

}  // namespace

bool names_definitions(const std::string& device) {
  return device.find_first_of("./\\") != std::string::npos;
}

void declare_config_arguments(CLI::App& app, ConfigArguments& o, const std::string& group) {
  app.add_option("-c,--config", o.config, "YAML file of the Accuracy Checker: one model on one dataset")
      ->group(group);
  app.add_option("--definitions", o.definitions, "Definitions that complete it [with -c also -d]")
      ->group(group);
  app.add_option("-a,--annotations", o.annotations, "Folder that annotation and dataset_meta begin at")
      ->group(group);
  app.add_option("-C,--converted-models", o.converted, "Accepted; nothing is converted")->group(group);
  app.add_flag(
         "--label-free", o.label_free,
         "Without labels: what the network says in FP32 is the truth, the metric is 'agreement' with it")
      ->group(group);
  app.add_option("--target-tags", o.tags, "Only launchers with one of these tags [also -tt]")->group(group);
}

ConfigOptions ConfigArguments::options(const ModelOptions& model, const InputOptions& input,
                                       const std::string& device) const {
  ConfigOptions options;
  options.config = config;
  options.definitions = definitions;
  if (names_definitions(device))
    options.definitions = device;
  else if (!device.empty())
    options.devices = {device};
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(model.model, ignored)) options.models = model.model;
  if (input.inputs.size() > 1)
    throw engine::UsageError("-s is given " + std::to_string(input.inputs.size()) +
                             " times; with -c it is the folder that paths of data begin at");
  if (!input.inputs.empty()) options.source = input.inputs.front();
  options.annotations = annotations;
  options.converted = converted;
  options.tags = tags;
  options.label_free = label_free;
  return options;
}

ConfiguredData::ConfiguredData(const ConfigOptions& options, const ModelOptions& model, Report& report,
                               std::size_t memory)
    : config_(completed(only_one(read_config(options, report), options.config), model)), prepared_(memory) {
  if (!options.label_free) {
    annotations_ = engine::load_annotations(config_.dataset, config_.prefixes);
    return;
  }
  // What is configured may need labels that the data has not; -mn and -mt ask for it all the same.
  const engine::ConfigNode agreement = engine::map_node({{"type", "agreement"}});
  if (options.keep_metrics)
    config_.dataset.metrics.push_back(agreement);
  else
    config_.dataset.metrics = {agreement};
  engine::EvaluateOptions how;
  how.threads = model.threads;
  how.prepared = &prepared_;
  ProgressMeter meter(report, parse_progress(options.progress, report.terminal()), "labelling");
  how.progress = [&](std::size_t done, std::size_t all) { meter.update(done, all); };
  annotations_ = engine::label_free_annotations(compile_launcher(config_.launcher, true), config_, how);
  report.line("labels: what the network says in FP32 of " + counted(annotations_.samples.size(), "sample"));
}

void ConfiguredData::name_model(ModelOptions& options) const {
  options.model = config_.launcher.model.string();
  options.weights = config_.launcher.weights.string();
  if (config_.launcher.batch) options.batch = static_cast<std::size_t>(*config_.launcher.batch);
}

engine::Dataset ConfiguredData::dataset(const engine::Graph& graph, const engine::DatasetOptions& subsets) {
  const auto ports = input_ports(graph);
  return {ports, engine::configured_sources(ports, config_, annotations_, prepared_), subsets};
}

}  // namespace refcalib::app
