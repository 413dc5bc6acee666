#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <refcalib/threshold.hpp>
#include <system_error>

#include "apps/refcalib/calibrate_report.h"
#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/keep_accurate.h"
#include "apps/refcalib/layer_lists.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/statistics_io.h"
#include "apps/refcalib/text.h"
#include "engine/calibration/correct.h"
#include "engine/calibration/method_spec.h"
#include "engine/calibration/model_hash.h"
#include "engine/calibration/observe_values.h"
#include "engine/calibration/presets.h"
#include "engine/core/error.h"
#include "engine/formats/model_formats.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEverySampleOnce = "simplified mode shows every image once and measures no accuracy";

struct Options {
  bool simplified = false, verbose = false, no_measure = false;
  ModelOptions model;
  InputOptions input;
  LayerLists layers;
  std::string statistics, output, precision = "INT8", device, progress, report_file;
  std::string preset, target, method = engine::default_method(), weights_method = "minmax";
  std::vector<std::string> method_for;
  int kl_bins = 0;
  std::string weights, activations;
  bool float_weights = false, plain_biases = false;
  bool equalize = false, full_biases = false, refine = false, search_percentiles = false;
  double agreement = 0.99;
  IgnoredOptions ignored{
      {{"-c,--config", "models are named by -m in simplified mode"},
       {"--definitions", "there is no configuration file in simplified mode"},
       {"-a,--annotations", "simplified mode uses no annotations"},
       {"-e,--extensions", "all layers are built in"},
       {"--cpu-extensions-mode", "the instruction set is chosen by REFCALIB_ISA"},
       {"-C,--converted-models", "no model is converted"},
       {"-M,--model-optimizer", "no model is converted"},
       {"--tf-custom-op-config-dir", "no model is converted"},
       {"--tf-obj-detection-api-pipeline-config-path", "no model is converted"},
       {"--target-tags", "there are no launchers"},
       {"--threshold", kEverySampleOnce},
       {"--threshold-step", kEverySampleOnce},
       {"--threshold-boundary", kEverySampleOnce},
       {"--metric-name", kEverySampleOnce},
       {"--metric-type", kEverySampleOnce},
       {"--benchmark-iterations-count", "see --no-measure"},
       {"--calibrate-fully-connected", "simplified mode quantizes FullyConnected too", false}}};
};

void declare_methods(CLI::App& app, Options& o, const std::string& group) {
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
      ->capture_default_str()
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

void declare(CLI::App& app, Options& o) {
  app.add_flag("--simplified-mode", o.simplified,
               "Calibrate with unlabelled data; needed in this version [also -sm]");
  app.add_option("-m,--model,--models", o.model.model,
                 "Network: MODEL.xml of an Intermediate Representation, or MODEL.onnx");
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  declare_shapes(app, o.model, "-b,--batch,--batch-size");
  app.add_option("--nthreads,--threads", o.model.threads, "Threads; 0: all cores")
      ->check(CLI::Range(0, 1024));
  app.add_option("-o,--output-dir", o.output,
                 "Folder for <model>_i8 in the model's format, or the .xml or .onnx itself; default: the "
                 "model's folder");
  declare_inputs(app, o.input, "-s,--source,-i,--input");

  app.add_option(
      "--statistics", o.statistics,
      "FILE.rcstat of refcalib collect or merge: decide without running images. Steps that need images "
      "use -s where it is given, and are left out and listed where it is not");

  const std::string how = "Quantization";
  declare_methods(app, o, how);
  app.add_option("--weights", o.weights, "per-channel (default) or per-tensor scales")
      ->check(CLI::IsMember({"per-channel", "per-tensor"}))
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
                 "see this share of boxes; 0, and with corrections of weights: never")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->group(how);
  o.layers.declare(app, how);
  app.add_option("-p,--precision", o.precision, "Only INT8")->group(how);
  app.add_option("-d,--device,--target-devices", o.device, "Only CPU [also -td]")->group(how);

  const std::string output = "Reports";
  app.add_option("--progress", o.progress, "bar (default on a terminal) | print[:N] (else) | none")
      ->group(output);
  app.add_flag("-v,--verbose", o.verbose, "Print what was done to every layer")->group(output);
  app.add_option("--report", o.report_file, "Write what was done to every layer into FILE.csv")
      ->group(output);
  app.add_flag("--no-measure", o.no_measure, "Do not compare FP32 and INT8 answers and times")->group(output);
  o.ignored.declare(app);
}

/// `-d` named the definitions file in the 2019 tool and the device in its siblings: a value that is no device
/// is taken for the former, which simplified mode does not use.
void check_devices(const Options& o, Report& report) {
  if (o.device.empty()) return;
  if (o.device.find_first_of("./\\") != std::string::npos)
    report.note("-d is ignored: there is no definitions file in simplified mode");
  else
    check_device(o.device);
}

void check(const Options& o, Report& report) {
  if (!o.simplified)
    throw engine::UsageError(
        "the standard mode needs labelled data and is not in this version; use "
        "--simplified-mode (-sm) with -m MODEL.xml -s IMAGES");
  if (o.model.model.empty()) throw engine::UsageError("no model; name it with -m MODEL.xml");
  if (!o.input.given() && o.statistics.empty())
    throw engine::UsageError(
        "no data; name it with -s IMAGES, use --random SEED, or --statistics FILE.rcstat of refcalib "
        "collect");
  if (o.precision != "INT8" && o.precision != "int8")
    throw engine::UsageError("precision '" + o.precision + "' is not supported; the only one is INT8");
  (void)parse_progress(o.progress, report.terminal());
  check_devices(o, report);
  o.ignored.report(report);
  (void)engine::parse_method(o.method);
  (void)engine::parse_method(o.weights_method);
}

/// True for a file name of a format that can be written; an extension of a format that this build leaves out is an error.
bool names_model(const fs::path& path) {
  const engine::ModelFormat& format = engine::model_format(path);
  return path.extension() == format.extension;
}

/// The file to write. Its folder is made and tried now, not after minutes of calibration.
fs::path prepare_output(const Options& o) {
  const fs::path model(o.model.model), given(o.output);
  const bool is_file = names_model(given) && !fs::is_directory(given);
  const std::string extension(engine::model_format(model).extension);
  const fs::path file = is_file ? given
                                : (o.output.empty() ? model.parent_path() : given) /
                                      (model_stem(o.model.model) + "_i8" + extension);
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error && !fs::is_directory(folder))
    throw engine::IoError("cannot make the output folder: " + error.message(), {.file = folder.string()});
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw engine::IoError("cannot write into the output folder", {.file = folder.string()});
  std::error_code ignored;
  if (fs::equivalent(file, model, ignored))
    throw engine::UsageError("the output would replace the model itself; name another with -o",
                             {.file = file.string()});
  return file;
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

engine::CalibrationOptions calibration_options(const Options& o, const engine::ir::Document& document) {
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
  options.method = o.method;
  for (const std::string& entry : o.method_for) options.method_for.push_back(method_for(entry));
  options.weights_method = o.weights_method;
  options.kl_bins = o.kl_bins;
  if (o.plain_biases) options.correct_bias = false;
  options.equalize |= o.equalize;
  options.full_bias_correction |= o.full_biases;
  options.refine_rounding |= o.refine;
  options.search_percentiles = o.search_percentiles;
  options.threads = o.model.threads;
  return options;
}

/// Statistics that the model's limits can be decided from.
Statistics fitting_statistics(const Options& o, const engine::Model& model, Report& report,
                              const engine::Dataset* dataset) {
  Statistics statistics = read_statistics(o.statistics);
  if (statistics.origin.model_hash != engine::model_hash(model.graph))
    throw engine::FormatError("these are statistics of another model, '" + statistics.origin.model +
                                  "' with other layers, weights or shapes",
                              {o.statistics, {}, "collect them with " + o.model.model});
  if (statistics.sample_count == 0)
    throw engine::UsageError("there is no sample in these statistics", {.file = o.statistics});
  if (dataset != nullptr && statistics.origin.preprocessing != dataset->preparation())
    report.warning(o.statistics + " was collected with " + statistics.origin.preprocessing +
                   ", the data of -s is prepared as " + dataset->preparation());
  return statistics;
}

/// The limits, from statistics that were collected before or from the data. Throws Cancelled.
engine::CalibrationResult calibrate(const Options& o, const engine::CalibrationOptions& options,
                                    const engine::Model& model, engine::Dataset* dataset,
                                    InterruptGuard& interrupt, Report& report) {
  const engine::SampleSource samples = dataset != nullptr ? sample_source(*dataset) : engine::SampleSource{};
  if (!o.statistics.empty()) {
    const Statistics statistics = fitting_statistics(o, model, report, dataset);
    const engine::CalibrationPlan plan = engine::plan_calibration(model.graph, options);
    engine::check_finite(plan, statistics, {});
    auto result =
        engine::decide(model.graph, plan, statistics, options, dataset != nullptr ? &samples : nullptr);
    std::ranges::copy(engine::proofs_left_out(options), std::back_inserter(result.left_out));
    return result;
  }
  ProgressMeter meter(report, parse_progress(o.progress, report.terminal()), "calibrating");
  return engine::calibrate_and_correct(model.graph, samples, options, [&](std::size_t done, std::size_t all) {
    meter.update(done, all);
    return !interrupt.interrupted();
  });
}

/// Writes the calibrated model in the format of the output's extension. A format that needs ranges of more values than the engine
/// stores as integers has them observed.
void write_calibrated(const Options& o, const engine::Model& model, engine::ir::Annotation annotation,
                      const engine::CalibrationOptions& options, engine::Dataset* dataset,
                      const fs::path& output) {
  const engine::ModelFormat& format = engine::model_format(output);
  const engine::ir::InputShapes shapes = input_shapes(o.model);
  if (format.values_without_range != nullptr) {
    const std::vector<std::string> values = format.values_without_range(model, shapes, annotation);
    if (!values.empty() && dataset == nullptr)
      throw engine::UsageError("this format needs ranges of values that the statistics do not have",
                               {output.string(), {}, "name images with -s"});
    if (!values.empty()) {
      const auto fill = [&](engine::Session& session, std::size_t run) {
        return dataset->fill(session, run);
      };
      const auto further = engine::observe_values(model.graph, values, dataset->runs(), fill, options);
      std::ranges::copy(further, std::back_inserter(annotation.activations));
    }
  }
  format.write(model, shapes, annotation, o.float_weights, output);
}

/// Calibrates and writes the model. nullopt if a signal asked to stop; then nothing is written.
std::optional<engine::CalibrationResult> calibrate_and_write(const Options& o,
                                                             const engine::CalibrationOptions& options,
                                                             const engine::Model& model,
                                                             engine::Dataset* dataset, const fs::path& output,
                                                             Report& report) {
  InterruptGuard interrupt;
  try {
    auto result = calibrate(o, options, model, dataset, interrupt, report);
    if (interrupt.interrupted()) return std::nullopt;
    if (dataset != nullptr) report_skipped(report, *dataset);
    // Corrected weights are rounded ones: in float they would answer no better.
    const bool corrected = options.equalize || options.full_bias_correction || options.refine_rounding;
    if (o.agreement > 0 && dataset != nullptr && !corrected) {
      const AccurateChoice choice = keep_accurate(model, result.annotation, *dataset, o.agreement, o.model,
                                                  [&] { return !interrupt.interrupted(); });
      if (interrupt.interrupted()) return std::nullopt;
      for (const std::string& line : described(choice, o.agreement)) report.line(line);
      if (!choice.layers.empty()) {
        engine::CalibrationOptions mixed = options;
        mixed.ignore_layers.insert(mixed.ignore_layers.end(), choice.layers.begin(), choice.layers.end());
        result = calibrate(o, mixed, model, dataset, interrupt, report);
      }
    }
    write_calibrated(o, model, result.annotation, options, dataset, output);
    return result;
  } catch (const engine::Cancelled&) {
    return std::nullopt;
  } catch (const engine::UsageError&) {
    if (dataset != nullptr) report_skipped(report, *dataset);  // that none could be read is the better reason
    throw;
  }
}

/// What the options ask for and only data can give.
void report_left_out(const Options& o, const engine::CalibrationResult& result, Report& report) {
  std::vector<std::string> steps = result.left_out;
  if (!o.no_measure) steps.emplace_back("the comparison of INT8 with FP32");
  std::string text;
  for (const std::string& step : steps) text += (text.empty() ? "" : ", ") + step;
  if (!text.empty()) report.note("left out for want of images, which -s would name: " + text);
}

Exit run(const Options& o, Report& report) {
  const Stopwatch total;
  check(o, report);
  const engine::DatasetOptions data = o.input.dataset(64);
  const engine::Model model = load(o.model);
  const engine::CalibrationOptions options = calibration_options(o, model.document);
  const fs::path output = prepare_output(o);
  std::optional<engine::Dataset> dataset;
  if (o.input.given()) dataset.emplace(input_ports(model.graph), data);
  engine::Dataset* const samples = dataset ? &*dataset : nullptr;
  report.line("model: " + o.model.model + " (" + format_text(model) + ")");
  if (dataset) report_inputs(report, *dataset, o.input);

  const auto result = calibrate_and_write(o, options, model, samples, output, report);
  if (!result) {
    report.error("interrupted; nothing was written");
    return Exit::interrupted;
  }
  const CalibrationReport summary(report, *result, output, o.model);
  summary.print((o.statistics.empty() ? samples_text(*dataset)
                                      : counted(result->samples, "sample") + " of " + o.statistics) +
                ": method " + (result->percentiles ? result->percentiles->method : o.method) +
                ", activations " + options.activations + ", weights " +
                (options.per_channel_weights ? "per-channel" : "per-tensor"));
  if (o.verbose || !o.report_file.empty()) summary.print_layers(o.verbose, o.report_file);
  if (!o.no_measure && dataset) summary.print_measurements(model, *dataset);
  if (!dataset) report_left_out(o, *result, report);
  report.line("total time " + duration(total.seconds()) + ", peak memory " + megabytes(peak_memory()));
  return Exit::ok;
}

}  // namespace

Command calibrate_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "calibrate",
          .summary = "Make an INT8 model from a trained one and a folder of images",
          .aliases = {{"-sm", "--simplified-mode"},
                      kSubsetAlias,
                      {"-td", "--target-devices"},
                      {"-tt", "--target-tags"},
                      {"-th", "--threshold"},
                      {"-thstep", "--threshold-step"},
                      {"-thboundary", "--threshold-boundary"},
                      {"-ic", "--benchmark-iterations-count"},
                      {"-mn", "--metric-name"},
                      {"-mt", "--metric-type"},
                      {"-cfc", "--calibrate-fully-connected"}},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
