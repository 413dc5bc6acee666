#include <memory>

#include "apps/refcalib/command.h"
#include "apps/refcalib/config_options.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

std::string entry_lines(const std::vector<engine::Fields::Entry>& entries, const std::string& indent,
                        bool as_list) {
  std::string text;
  for (const engine::Fields::Entry& entry : entries) {
    const bool first = text.empty() && as_list;
    text += indent +
            (first     ? "- "
             : as_list ? "  "
                       : "") +
            entry.key + ": " + (entry.value.empty() ? "''" : entry.value) +
            (entry.given ? "" : "  # default") + "\n";
  }
  return text;
}

/// The annotation's meta; where there is no annotation, labels that let every metric be explained.
engine::DatasetMeta meta_for(const engine::EvaluationConfig& config, Report& report) {
  try {
    engine::DatasetMeta meta = engine::load_annotations(config.dataset, config.prefixes).meta;
    if (!meta.label_maps.empty()) return meta;
  } catch (const engine::Error& error) {
    report.warning(error.what());
  }
  engine::DatasetMeta meta;
  meta.label_maps["label_map"][0] = "0";
  return meta;
}

void explain(const engine::EvaluationConfig& config, Report& report) {
  engine::PreprocessContext context;
  std::string inputs;
  try {
    const auto program = compile_launcher(config.launcher, false);
    context = engine::InputFeeder(program->inputs(), config.launcher).context();
    for (const engine::PortInfo& port : program->inputs())
      inputs += "    # input '" + port.name + "' " + engine::to_string(port.shape) + "\n";
    for (const engine::PortInfo& port : program->outputs())
      inputs += "    # output '" + port.name + "' " + engine::to_string(port.shape) + "\n";
  } catch (const engine::Error& error) {
    report.warning(error.what());
  }
  const engine::Pipeline pipeline(config, meta_for(config, report), context);
  report.line("- name: " + config.name);
  report.line("  launcher:");
  report.block(entry_lines(config.launcher.understood, "    ", false));
  report.line("    # file: " + config.launcher.model.string());
  report.block(inputs);
  report.line("  dataset:");
  report.block(entry_lines(config.dataset.understood, "    ", false));
  report.line("    # data: " + config.dataset.data.string());
  if (!config.dataset.annotation.empty())
    report.line("    # annotation: " + config.dataset.annotation.string());
  std::string section;
  for (const engine::UnderstoodStep& step : pipeline.understood()) {
    if (step.section != section) report.line("    " + (section = step.section) + ":");
    report.block(entry_lines(step.fields, "      ", true));
  }
}

Exit run(const ConfigOptions& o, Report& report) {
  const auto evaluations = read_config(o, report);
  for (const engine::EvaluationConfig& config : evaluations) explain(config, report);
  return Exit::ok;
}

}  // namespace

Command explain_command() {
  const auto options = std::make_shared<ConfigOptions>();
  return {.name = "explain",
          .summary = "Print what a configuration was understood as, with every default",
          .aliases = {{"-ss", "--subsample-size"}, {"-td", "--target-devices"}, {"-tt", "--target-tags"}},
          .declare = [options](CLI::App& app) { declare_config(app, *options, true); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
