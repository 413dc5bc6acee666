#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <refcalib/threshold.hpp>
#include <system_error>

#include "apps/refcalib/calibrate_report.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/keep_accurate.h"
#include "apps/refcalib/layer_lists.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/text.h"
#include "engine/calibration/correct.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEverySampleOnce = "simplified mode shows every image once and measures no accuracy";

struct Options {
  bool simplified = false, verbose = false, no_measure = false;
  ModelOptions model;
  InputOptions input;
  LayerLists keep_float;
  std::string output, precision = "INT8", device, progress, report_file;
  std::string method = engine::default_method(), weights = "per-channel", activations = "asymmetric";
  bool float_weights = false, plain_biases = false, fast_biases = false, nearest = false, unequal = false;
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

void declare(CLI::App& app, Options& o) {
  app.add_flag("--simplified-mode", o.simplified,
               "Calibrate with unlabelled data; needed in this version [also -sm]");
  app.add_option("-m,--model,--models", o.model.model,
                 "Network: MODEL.xml of an Intermediate Representation");
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  declare_shapes(app, o.model, "-b,--batch,--batch-size");
  app.add_option("--nthreads,--threads", o.model.threads, "Threads; 0: all cores")
      ->check(CLI::Range(0, 1024));
  app.add_option("-o,--output-dir", o.output,
                 "Folder for <model>_i8.xml and .bin, or the .xml itself; default: the model's folder");
  declare_inputs(app, o.input, "-s,--source,-i,--input");

  const std::string how = "Quantization";
  app.add_option("--method", o.method, "Limits of activations: minmax, percentile, kl or mse")
      ->capture_default_str()
      ->group(how);
  app.add_option("--weights", o.weights, "per-channel or per-tensor scales")
      ->capture_default_str()
      ->check(CLI::IsMember({"per-channel", "per-tensor"}))
      ->group(how);
  app.add_flag("--no-bias-correction", o.plain_biases, "Keep the biases of the model")->group(how);
  app.add_flag("--fast-bias-correction", o.fast_biases,
               "Correct biases from statistics alone, without running layers")
      ->group(how);
  app.add_flag("--no-equalization", o.unequal, "Leave the ranges of channels as they are")->group(how);
  app.add_flag("--nearest-rounding", o.nearest, "Round weights to the nearest integers")->group(how);
  app.add_flag("--float-weights", o.float_weights,
               "IR v10 and v11: keep FP32 weights behind FakeQuantize instead of storing them as i8")
      ->group(how);
  app.add_option("--activations", o.activations, "asymmetric or symmetric")
      ->capture_default_str()
      ->check(CLI::IsMember({"asymmetric", "symmetric"}))
      ->group(how);
  app.add_option("--agreement", o.agreement,
                 "Keep the most harmful layers in FP32 until outputs have this cosine to FP32, and detectors "
                 "see this "
                 "share of boxes; 0: never")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->group(how);
  o.keep_float.declare(app, how);
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
  if (!o.input.given()) throw engine::UsageError("no data; name it with -s IMAGES, or use --random SEED");
  if (o.precision != "INT8" && o.precision != "int8")
    throw engine::UsageError("precision '" + o.precision + "' is not supported; the only one is INT8");
  (void)parse_progress(o.progress, report.terminal());
  check_devices(o, report);
  o.ignored.report(report);
  try {
    (void)find_threshold_method(o.method);
  } catch (const std::invalid_argument& error) {
    throw engine::UsageError(std::string("--method: ") + error.what());
  }
}

/// The .xml to write. Its folder is made and tried now, not after minutes of calibration.
fs::path prepare_output(const Options& o) {
  const fs::path model(o.model.model), given(o.output);
  const bool is_file = given.extension() == ".xml" && !fs::is_directory(given);
  const fs::path file =
      is_file ? given
              : (o.output.empty() ? model.parent_path() : given) / (model_stem(o.model.model) + "_i8.xml");
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

engine::CalibrationOptions calibration_options(const Options& o) {
  engine::CalibrationOptions options;
  options.method = o.method;
  options.per_channel_weights = o.weights == "per-channel";
  options.activations = o.activations;
  options.correct_bias = !o.plain_biases;
  options.full_bias_correction = !o.plain_biases && !o.fast_biases;
  options.equalize = !o.unequal;
  options.refine_rounding = !o.nearest;
  options.ignore_layers = o.keep_float.names();
  options.ignore_types = o.keep_float.types();
  options.threads = o.model.threads;
  return options;
}

/// "FILE", or the first and the last of a batch.
std::string samples_of_run(const engine::Dataset& dataset, std::size_t run) {
  const std::size_t first = run * dataset.batch();
  const std::size_t last = std::min(first + dataset.batch(), dataset.samples()) - 1;
  return dataset.sample_name(first) + (first == last ? "" : " to " + dataset.sample_name(last));
}

/// Calibrates and writes the model. nullopt if a signal asked to stop; then nothing is written.
std::optional<engine::CalibrationResult> calibrate_and_write(const Options& o, const engine::Model& model,
                                                             engine::Dataset& dataset, const fs::path& output,
                                                             Report& report) {
  InterruptGuard interrupt;
  ProgressMeter meter(report, parse_progress(o.progress, report.terminal()), "calibrating");
  const auto fill = [&](engine::Session& session, std::size_t run) { return dataset.fill(session, run); };
  const auto progress = [&](std::size_t done, std::size_t all) {
    meter.update(done, all);
    return !interrupt.interrupted();
  };
  try {
    engine::CalibrationOptions options = calibration_options(o);
    options.sample_name = [&](std::size_t run) { return samples_of_run(dataset, run); };
    auto result = engine::calibrate_and_correct(model.graph, dataset.runs(), fill, options, progress);
    if (interrupt.interrupted()) return std::nullopt;
    report_skipped(report, dataset);
    if (o.agreement > 0) {
      const AccurateChoice choice = keep_accurate(model, result.annotation, dataset, o.agreement, o.model,
                                                  [&] { return !interrupt.interrupted(); });
      if (interrupt.interrupted()) return std::nullopt;
      for (const std::string& line : described(choice, o.agreement)) report.line(line);
      if (!choice.layers.empty()) {
        options.ignore_layers.insert(options.ignore_layers.end(), choice.layers.begin(), choice.layers.end());
        result = engine::calibrate_and_correct(model.graph, dataset.runs(), fill, options, progress);
      }
    }
    const engine::ir::Document annotated = engine::ir::annotate(model.document, result.annotation);
    engine::ir::write_document(o.float_weights ? annotated : engine::ir::compress_weights(annotated), output);
    return result;
  } catch (const engine::Cancelled&) {
    return std::nullopt;
  } catch (const engine::UsageError&) {
    report_skipped(report, dataset);  // that none could be read is the better reason
    throw;
  }
}

Exit run(const Options& o, Report& report) {
  const Stopwatch total;
  check(o, report);
  const engine::DatasetOptions data = o.input.dataset(64);
  const engine::Model model = load(o.model);
  const fs::path output = prepare_output(o);
  engine::Dataset dataset(input_ports(model.graph), data);
  report.line("model: " + o.model.model + " (IR version " + std::to_string(model.document.version) + ")");
  report_inputs(report, dataset, o.input);

  const auto result = calibrate_and_write(o, model, dataset, output, report);
  if (!result) {
    report.error("interrupted; nothing was written");
    return Exit::interrupted;
  }
  const CalibrationReport summary(report, *result, output, o.model);
  summary.print(o.method, o.weights, o.activations, dataset);
  if (o.verbose || !o.report_file.empty()) summary.print_layers(o.verbose, o.report_file);
  if (!o.no_measure) summary.print_measurements(model, dataset);
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
