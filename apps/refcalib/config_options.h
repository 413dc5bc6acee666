#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "apps/refcalib/options.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/report.h"
#include "engine/evaluation/evaluate.h"

namespace refcalib::app {

/// Which configuration, and where the paths in it begin: the options of the Accuracy Checker.
struct ConfigOptions {
  std::string config, definitions;
  std::string models, source, annotations, converted;
  std::vector<std::string> devices{"CPU"};
  std::vector<std::string> tags;
  bool label_free = false;    ///< what the network says in FP32 is the truth
  bool keep_metrics = false;  ///< label-free: the configured metrics, too
  std::string progress;       ///< of labelling
  std::string subset;         ///< "N" or "N%" samples of every dataset; empty: as configured
  IgnoredOptions ignored =
      IgnoredOptions::of_2019({{"-b,--bitstreams", "there is no FPGA"},
                               {"--affinity-map", "there is one device"},
                               {"--aocl", "there is no FPGA"},
                               {"--vpu-log-level", "there is no VPU"},
                               {"-l,--log-file", "messages go to the standard error output"},
                               {"--ignore-result-formatting", "see --format and --report", false}});

  /// Throws UsageError for folders that do not exist.
  engine::ConfigRequest request() const;
};

/// `positional`: the configuration is named without -c, too.
void declare_config(CLI::App& app, ConfigOptions& options, bool positional);
/// Reads it and prints its warnings.
std::vector<engine::EvaluationConfig> read_config(const ConfigOptions& options, Report& report);

/// A network compiled as its launcher wants it. Throws as load_model.
std::shared_ptr<const engine::Program> compile_launcher(const engine::LauncherConfig& launcher,
                                                        bool float_only);

/// Names the samples that were left out, at most ten, and labels that label_map does not know. Throws
/// FormatError if all were left out.
void report_failed(Report& report, const engine::EvaluationConfig& config,
                   const engine::AnnotationSet& annotations, const engine::Evaluation& evaluation);

}  // namespace refcalib::app
