#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/refcalib/configured_data.h"
#include "apps/refcalib/layer_lists.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/report.h"
#include "engine/calibration/method_spec.h"
#include "engine/calibration/options.h"
#include "engine/calibration/samples.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"

namespace refcalib::app {

/// Options of the search by accuracy.
struct SearchOptions {
  double threshold = 1, step = 0.5, boundary = 95;
  std::string metric_name, metric_type, drop_type, strategy = "subset", objective = "cost";
  std::size_t ranking_subset = 0, max_iterations = 0;  ///< 0: chosen by the program
  std::optional<std::size_t> iterations;  ///< runs of every measurement of latency; 0: none is made
  double max_memory_mb = 1000;
  bool measure_latency = false, resume = false;

  /// Whether networks are measured here.
  bool measured() const noexcept {
    return measure_latency || objective == "latency" || iterations.value_or(0) > 0;
  }
};

/// The options of `calibrate`, in both of its modes.
struct CalibrateOptions {
  bool simplified = false, verbose = false, no_measure = false;
  ModelOptions model;
  InputOptions input;
  LayerLists layers;
  ConfigArguments config;
  SearchOptions search;
  std::string statistics, table, table_format, output, precision = "INT8", device, progress, report_file;
  std::string preset, target, method, weights_method = "minmax";
  std::vector<std::string> method_for;
  int kl_bins = 0;
  std::string weights, activations, corrections;
  bool float_weights = false, plain_biases = false;
  bool equalize = false, full_biases = false, refine = false, search_percentiles = false;
  double agreement = 0.99;
  double same_class = 0;  ///< percent; see same_class_goal()
  IgnoredOptions ignored = IgnoredOptions::of_2019(
      {{"--calibrate-fully-connected", "FullyConnected is quantized, too; see --ignore-layer-types", false}});
  const CLI::App* app = nullptr;  ///< where they were declared

  bool given(const char* option) const { return app != nullptr && app->count(option) > 0; }
  /// The method by its name, or the default one.
  std::string method_or_default() const;
  /// Share of samples whose best class INT8 is to keep: as stated, or as the preset has it; 0: any.
  double same_class_goal() const;
  /// Whether corrections that samples must prove were asked for, not only left as they are by default.
  bool asks_for_proofs(const engine::CalibrationOptions& options) const;
  /// The configuration as -c, -m, -s, -a, -d name it.
  ConfigOptions config_options() const {
    ConfigOptions options = config.options(model, input, device);
    options.keep_metrics = !search.metric_name.empty() || !search.metric_type.empty();
    options.progress = progress;
    return options;
  }
};

/// Bytes of so many MB, at least one: 0 would be no bound.
std::size_t bytes_of(double megabytes);

void declare_calibrate(CLI::App& app, CalibrateOptions& options);

/// What the quantization options ask for. Throws UsageError, IoError.
engine::CalibrationOptions calibration_options(const CalibrateOptions& o,
                                               const engine::ir::Document& document);

}  // namespace refcalib::app
