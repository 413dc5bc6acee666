#include "apps/refcalib/config_options.h"

#include <algorithm>
#include <set>

#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/formats/model.h"

namespace refcalib::app {
namespace {

std::filesystem::path folder(const std::string& path, const char* option) {
  std::error_code ignored;
  if (!path.empty() && !std::filesystem::is_directory(path, ignored))
    throw engine::UsageError(std::string(option) + " '" + path + "' is no folder");
  return path;
}

}  // namespace

engine::ConfigRequest ConfigOptions::request() const {
  if (config.empty()) throw engine::UsageError("no configuration; name it with -c");
  return {config,
          definitions,
          {folder(models, "--models"), folder(source, "--source"), folder(annotations, "--annotations"),
           converted},
          devices,
          tags,
          label_free};
}

void declare_config(CLI::App& app, ConfigOptions& o, bool positional) {
  app.add_option(positional ? "-c,--config,config" : "-c,--config", o.config,
                 "Configuration: a YAML file of the Accuracy Checker");
  app.add_option("-d,--definitions", o.definitions, "Definitions of launchers and datasets that complete it");
  app.add_option("-m,--models", o.models, "Folder that paths of models begin at");
  app.add_option("-s,--source", o.source, "Folder that data_source and paths of conversions begin at");
  app.add_option("-a,--annotations", o.annotations, "Folder that annotation and dataset_meta begin at");
  app.add_option(
      "-C,--converted-models", o.converted,
      "Folder of the IRs that were made of models of TensorFlow, MXNet and Kaldi; default: --models");
  app.add_option("--target-devices", o.devices, "Only CPU")->delimiter(',');
  app.add_option("--target-tags", o.tags, "Only launchers with one of these tags");
  app.add_option("--subsample-size", o.subset, "Only N, or N%, samples of every dataset");
  o.ignored.declare(app);
}

std::vector<engine::EvaluationConfig> read_config(const ConfigOptions& options, Report& report) {
  for (const std::string& device : options.devices) check_device(device);
  options.ignored.report(report);
  engine::ConfigResult result = engine::read_configuration(options.request());
  for (const std::string& warning : result.warnings) report.warning(warning);
  for (engine::EvaluationConfig& evaluation : result.evaluations)
    if (!options.subset.empty()) evaluation.dataset.subset = options.subset;
  return std::move(result.evaluations);
}

std::shared_ptr<const engine::Program> compile_launcher(const engine::LauncherConfig& launcher,
                                                        bool float_only) {
  engine::CompileOptions options = engine::default_options();
  options.int8 = !float_only;
  engine::ir::InputShapes shapes;
  if (launcher.batch) shapes.batch = *launcher.batch;
  engine::Model model = engine::load_model(launcher.model, launcher.weights, shapes);
  return engine::Program::compile(std::move(model.graph), options);
}

void report_failed(Report& report, const engine::EvaluationConfig& config,
                   const engine::AnnotationSet& annotations, const engine::Evaluation& evaluation) {
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(kShown, evaluation.failed.size()); ++i)
    report.warning(evaluation.failed[i].second);
  if (!evaluation.failed.empty())
    report.warning(std::to_string(evaluation.failed.size()) + " of " + counted(evaluation.samples, "sample") +
                   " of '" + config.dataset.name + "' could not be used and count nothing" +
                   (evaluation.failed.size() > kShown
                        ? "; the first " + std::to_string(kShown) + " are named above"
                        : ""));
  if (!evaluation.stopped && evaluation.failed.size() == evaluation.samples)
    throw engine::FormatError("none of the " + counted(evaluation.samples, "sample") + " of dataset '" +
                                  config.dataset.name + "' could be read",
                              {.file = config.dataset.data.string(), .remedy = "check data_source and -s"});
  const auto& known = annotations.meta.labels();
  if (known.empty()) return;
  std::set<std::int64_t> unknown;
  const auto check = [&](std::int64_t label) {
    if (!known.contains(label)) unknown.insert(label);
  };
  for (const engine::Annotation& sample : annotations.samples) {
    if (const auto* const single = std::get_if<engine::ClassTruth>(&sample.truth)) check(single->label);
    if (const auto* const boxes = std::get_if<engine::BoxTruth>(&sample.truth))
      for (const std::int64_t label : boxes->labels) check(label);
  }
  if (!unknown.empty())
    report.warning(counted(unknown.size(), "label") +
                   " of the annotations is not in label_map, the first is " +
                   std::to_string(*unknown.begin()));
}

}  // namespace refcalib::app
