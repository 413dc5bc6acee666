#include "apps/refcalib/calibrate_options.h"

#include <algorithm>
#include <cmath>
#include <refcalib/threshold.hpp>
#include <utility>

#include "engine/calibration/correction_names.h"
#include "engine/calibration/presets.h"
#include "engine/core/error.h"
#include "engine/formats/tables/table_formats.h"
#include "engine/search/search_strategy.h"

namespace refcalib::app {
namespace {

void declare_methods(CLI::App& app, CalibrateOptions& o, const std::string& group) {
  std::string presets, methods;
  for (const engine::Preset& preset : engine::presets())
    presets += (presets.empty() ? "" : "; ") + std::string(preset.name) + ": " + std::string(preset.summary);
  for (const ThresholdMethod& method : threshold_methods()) methods += std::string(method.name) + ", ";
  std::string targets;
  for (const std::string& target : engine::built_in_targets()) targets += target + ", ";
  app.add_option("--preset", o.preset, presets + ". Default: " + std::string(engine::kDefaultPreset))
      ->group(group);
  app.add_option(
         "--target", o.target,
         "Machine that the model is made for: " + targets + "or a profile FILE.json (docs/methods.md)")
      ->group(group);
  app.add_option("--method", o.method,
                 "Limits of activations: " + methods +
                     "or auto, which tries them. With parameters: "
                     "NAME:VALUE or NAME:KEY=VALUE,… (docs/methods.md)")
      ->default_str(engine::default_method())
      ->group(group);
  app.add_option(
         "--method-for", o.method_for,
         "PATTERN=METHOD: another method for what the layers of a name, glob or re:EXPRESSION produce; "
         "type:PATTERN=METHOD for layers of a type. May be repeated; the last that fits counts")
      ->group(group);
  app.add_option("--weights-method", o.weights_method, "Limits of weights, by a method that needs no images")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--search-percentiles", o.search_percentiles,
               "As the 2019 tool: image-percentile with 100, 99.5 ... 95 % of the images, whichever answers "
               "best on samples held back")
      ->group(group);
  app.add_option("--bins", o.kl_bins,
                 "Bins of the histograms that kl searches: a multiple of 128; default 2048")
      ->check(CLI::Range(128, 4096))
      ->group(group);
}

void declare_configuration(CLI::App& app, CalibrateOptions& o) {
  const std::string group = "Configuration and accuracy";
  declare_config_arguments(app, o.config, group);
  SearchOptions& s = o.search;
  app.add_option(
         "--threshold", s.threshold,
         "Allowed drop [also -th]: points of a metric in percent, percent of the FP32 value of any other")
      ->capture_default_str()
      ->check(non_negative_number())
      ->group(group);
  app.add_option("--max-drop-type", s.drop_type, "absolute or relative, whatever the metric is in")
      ->check(CLI::IsMember({"absolute", "relative"}))
      ->group(group);
  app.add_option("--metric-name", s.metric_name,
                 "The metric that decides, by its name [also -mn]; default: the first")
      ->group(group);
  app.add_option("--metric-type", s.metric_type, "The same by its type [also -mt]")->group(group);
  app.add_option("--threshold-step", s.step,
                 "Step of the percentages of images that are tried as limits [also -thstep]")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 100.0))
      ->group(group);
  app.add_option("--threshold-boundary", s.boundary,
                 "The lowest of them; the highest is 100 [also -thboundary]")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 100.0))
      ->group(group);
  app.add_option("--ranking-subset,--metric-subset", s.ranking_subset,
                 "Samples on which networks are compared; default: a fifth of the data, 32 to 300")
      ->check(whole_number())
      ->group(group);
  app.add_option("--max-iterations", s.max_iterations,
                 "Evaluations on all data that the search may use; default: a fifth of the layers, 5 to 10")
      ->check(whole_number())
      ->group(group);
  app.add_option(
         "--max-memory", s.max_memory_mb,
         "MB (10^6 bytes) for kept samples and activations; simplified mode (default there: no bound): for "
         "the "
         "intermediate values of runs and the statistics of observed ones, if need be in several passes")
      ->capture_default_str()
      ->check(non_negative_number())
      ->group(group);
  app.add_option("--objective", s.objective,
                 "What the search keeps small: cost (a model of the work, the same everywhere) or latency "
                 "(measured here)")
      ->capture_default_str()
      ->check(CLI::IsMember({"cost", "latency"}))
      ->group(group);
  app.add_flag("--measure-latency", s.measure_latency, "The same as --objective latency")->group(group);
  app.add_option("--benchmark-iterations-count", s.iterations,
                 "Measure latency by the median of so many runs [also -ic]; 0: do not (default); --objective "
                 "latency: 20")
      ->check(whole_number())
      ->group(group);
  std::string strategies;
  std::vector<std::string> names;
  for (const engine::SearchStrategy& strategy : engine::search_strategies()) {
    names.emplace_back(strategy.name);
    strategies += (strategies.empty() ? "" : "; ") + names.back() + ": " + std::string(strategy.summary);
  }
  app.add_option("--search", s.strategy,
                 "How layers for FP32 are found. " + strategies +
                     ". All but the first evaluate all data after every layer")
      ->capture_default_str()
      ->check(CLI::IsMember(names))
      ->group(group);
  app.add_flag("--resume", s.resume, "Go on with an interrupted search for the same output")->group(group);
}

/// PATTERN=METHOD, where both may hold '=': a method has it only behind a ':', a pattern rarely.
std::pair<std::string, std::string> method_for(const std::string& entry) {
  const std::size_t colon = entry.rfind(':');
  const std::size_t in_method = colon == std::string::npos ? colon : entry.rfind('=', colon);
  const std::size_t equals = in_method == std::string::npos ? entry.rfind('=') : in_method;
  if (equals == std::string::npos || equals == 0)
    throw engine::UsageError("--method-for '" + entry + "' is not PATTERN=METHOD",
                             {{}, {}, "for example --method-for 'conv*=minmax'"});
  return {entry.substr(0, equals), entry.substr(equals + 1)};
}

}  // namespace

std::size_t bytes_of(double megabytes) {
  // Beyond what a double holds exactly nothing is bounded any more.
  constexpr double most = 9e15;
  return static_cast<std::size_t>(std::clamp(std::round(megabytes * 1e6), 1.0, most));
}

std::string CalibrateOptions::method_or_default() const {
  return method.empty() ? engine::default_method() : method;
}

void declare_calibrate(CLI::App& app, CalibrateOptions& o) {
  o.app = &app;
  app.add_flag("--simplified-mode", o.simplified,
               "Calibrate without measuring accuracy; labels are not needed [also -sm]");
  declare_configuration(app, o);
  app.add_option(
      "-m,--model,--models", o.model.model,
      "Network: MODEL.xml of an Intermediate Representation, MODEL.onnx, or MODEL.prototxt of Caffe; with -c "
      "the "
      "folder that paths of models begin at, or a file that takes the place of the configured one");
  app.add_option("-w,--weights-file", o.model.weights,
                 "Its weights; default: the .bin beside the .xml, the .caffemodel beside the .prototxt");
  declare_shapes(app, o.model, "-b,--batch,--batch-size");
  app.add_option("--nthreads,--threads", o.model.threads, "Threads; 0: all cores")
      ->check(CLI::Range(0, 1024));
  app.add_option("-o,--output-dir", o.output,
                 "Folder for <model>_i8 in the model's format, or the file itself, whose extension names the "
                 "format; default: the model's folder");
  declare_inputs(app, o.input, "-s,--source,-i,--input");

  app.add_option(
      "--statistics", o.statistics,
      "FILE.rcstat of refcalib collect or merge: decide without running images. Steps that need images "
      "use -s where it is given, and are left out and listed where it is not");

  app.add_option(
      "--table", o.table,
      "Calibration table of another tool: its limits are taken, -s only measures (docs/tables.md)");
  app.add_option("--table-format", o.table_format,
                 engine::tables::table_format_names() + "; default: what the table looks like");

  const std::string how = "Quantization";
  declare_methods(app, o, how);
  app.add_option("--weights", o.weights, "per-channel (default) or per-tensor scales")
      ->check(CLI::IsMember({"per-channel", "per-tensor"}))
      ->group(how);
  std::string names;
  for (const engine::NamedCorrection& c : engine::named_corrections())
    names += (names.empty() ? "" : "; ") + std::string(c.name) + ": " + std::string(c.summary);
  app.add_option("--corrections", o.corrections,
                 "Corrections by name, separated by commas; all, none, or default: those of the preset. " +
                     names + ". All but the first two are kept only if samples held back gain")
      ->group(how);
  app.add_flag("--no-bias-correction", o.plain_biases, "Keep the biases of the model")->group(how);
  app.add_flag(
         "--equalization", o.equalize,
         "Scale channels so that layers share the width of their weights; kept if samples held back gain")
      ->group(how);
  app.add_flag(
         "--full-bias-correction", o.full_biases,
         "Correct biases layer by layer behind what was corrected before; kept if samples held back gain")
      ->group(how);
  app.add_flag("--refine-rounding", o.refine,
               "Choose which weights are rounded up and which down; kept if samples held back gain")
      ->group(how);
  app.add_flag("--float-weights", o.float_weights,
               "IR v10 and v11: keep FP32 weights behind FakeQuantize instead of storing them as i8")
      ->group(how);
  app.add_option("--activations", o.activations, "asymmetric or symmetric; default: as the preset says")
      ->check(CLI::IsMember({"asymmetric", "symmetric"}))
      ->group(how);
  app.add_option("--agreement", o.agreement,
                 "Keep the most harmful layers in FP32 until outputs have this cosine to FP32, and detectors "
                 "see this share of boxes; 0, and with corrections beyond the default ones: never")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->group(how);
  app.add_option(
         "--same-class", o.same_class,
         "Classifiers: keep the most harmful layers in FP32 until INT8 is expected to keep the best class of "
         "this many percent of the samples; 0: never. Default: 98 with --preset accuracy, otherwise 0")
      ->check(CLI::Range(0.0, 100.0))
      ->group(how);
  o.layers.declare(app, how);
  app.add_option("-p,--precision", o.precision,
                 "INT8; simplified mode: FP16 or FP32 of the floats that are written, too")
      ->group(how);
  app.add_option("-d,--device,--target-devices", o.device,
                 "Only CPU [also -td]; with -c, -d names a file of definitions")
      ->group(how);

  const std::string output = "Reports";
  app.add_option("--progress", o.progress, "bar (default on a terminal) | print[:N] (else) | none")
      ->group(output);
  app.add_flag("-v,--verbose", o.verbose, "Print what was done to every layer")->group(output);
  app.add_option("--report", o.report_file,
                 "Write what was done to every layer into FILE.csv; standard mode: the search as FILE.json")
      ->group(output);
  app.add_flag("--no-measure", o.no_measure, "Do not compare FP32 and INT8 answers and times")->group(output);
  o.ignored.declare(app);
}

bool CalibrateOptions::asks_for_proofs(const engine::CalibrationOptions& options) const {
  const engine::CalibrationOptions defaults;
  const bool more = std::ranges::any_of(engine::named_corrections(), [&](const engine::NamedCorrection& c) {
    return c.proven && options.*c.option && !(defaults.*c.option);
  });
  return more || (given("--corrections") && engine::any_proven_correction(options));
}

double CalibrateOptions::same_class_goal() const {
  if (given("--same-class")) return same_class / 100;
  return engine::find_preset(preset.empty() ? std::string(engine::kDefaultPreset) : preset).same_class;
}

engine::CalibrationOptions calibration_options(const CalibrateOptions& o,
                                               const engine::ir::Document& document) {
  engine::CalibrationOptions options;
  static_cast<engine::LayerSelection&>(options) = o.layers.selection(document);
  engine::find_preset(o.preset.empty() ? std::string(engine::kDefaultPreset) : o.preset).apply(options);
  if (!o.target.empty()) options.target = engine::load_target(o.target);
  // What was not asked for follows the target.
  if (!o.activations.empty())
    options.activations = o.activations;
  else if (o.preset.empty() && !options.target.asymmetric)
    options.activations = "symmetric";
  options.per_channel_weights =
      o.weights.empty() ? options.target.per_channel_weights : o.weights == "per-channel";
  options.method = o.method_or_default();
  for (const std::string& entry : o.method_for) options.method_for.push_back(method_for(entry));
  options.weights_method = o.weights_method;
  options.kl_bins = o.kl_bins;
  if (o.plain_biases) options.correct_bias = false;
  if (!o.corrections.empty()) engine::choose_corrections(o.corrections, options);
  options.equalize |= o.equalize;
  options.absorb_biases |= o.equalize;
  options.full_bias_correction |= o.full_biases;
  options.refine_rounding |= o.refine;
  options.search_percentiles = o.search_percentiles;
  options.threads = o.model.threads;
  if (o.simplified && o.given("--max-memory")) options.max_memory = bytes_of(o.search.max_memory_mb);
  return options;
}

}  // namespace refcalib::app
