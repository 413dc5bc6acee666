#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "apps/refcalib/calibrate_options.h"
#include "apps/refcalib/calibrate_report.h"
#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/configured_data.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/keep_accurate.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/precision_option.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/standard_mode.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/statistics_io.h"
#include "apps/refcalib/table_report.h"
#include "apps/refcalib/text.h"
#include "apps/refcalib/write_calibrated.h"
#include "engine/calibration/collect.h"
#include "engine/calibration/correct.h"
#include "engine/calibration/correction_names.h"
#include "engine/calibration/method_spec.h"
#include "engine/calibration/model_hash.h"
#include "engine/calibration/table_calibration.h"
#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/tables/table_formats.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

/// Options of the other mode are no error: the 2019 tool's command lines hold them.
void report_unused(const CalibrateOptions& o, Report& report) {
  if (names_definitions(o.device) && !o.config.given())
    report.note("-d is ignored: there is no configuration that definitions would complete");
  for (const char* const option :
       {"--threshold", "--threshold-step", "--threshold-boundary", "--metric-name", "--metric-type",
        "--benchmark-iterations-count", "--max-drop-type", "--ranking-subset", "--max-iterations",
        "--objective", "--measure-latency", "--search", "--resume"})
    if (o.given(option))
      report.note(std::string(option) +
                  " is ignored: simplified mode shows every image once and measures no accuracy");
  for (const char* const option :
       {"--definitions", "--annotations", "--converted-models", "--target-tags", "--label-free"})
    if (o.given(option) && !o.config.given())
      report.note(std::string(option) + " is ignored: there is no configuration (-c)");
}

void check(const CalibrateOptions& o, Report& report) {
  check_precision(o.precision, o.simplified);
  (void)parse_progress(o.progress, report.terminal());
  if (!o.device.empty() && !names_definitions(o.device)) check_device(o.device);
  o.ignored.report(report);
  (void)engine::parse_method(o.method_or_default());
  (void)engine::parse_method(o.weights_method);
  if (!o.simplified && !o.config.given())
    throw engine::UsageError(
        "no configuration; name the labelled data with -c CONFIG.yml, or calibrate without labels: "
        "-sm -m MODEL.xml -s IMAGES");
  if (!o.simplified) return;
  report_unused(o, report);
  if (o.config.given()) return;
  if (o.model.model.empty()) throw engine::UsageError("no model; name it with -m MODEL.xml");
  if (!o.input.given() && o.statistics.empty() && o.table.empty())
    throw engine::UsageError(
        "no data; name it with -s IMAGES, use --random SEED, or --statistics FILE.rcstat of refcalib "
        "collect");
  if (!o.statistics.empty() && !o.table.empty())
    throw engine::UsageError("--statistics and --table exclude each other");
  if (!o.table_format.empty()) (void)engine::tables::table_format(o.table_format);
}

/// Statistics that the model's limits can be decided from.
Statistics fitting_statistics(const CalibrateOptions& o, const engine::Model& model, Report& report,
                              const engine::Dataset* dataset) {
  Statistics statistics = statistics_for(model.graph, o.model, o.statistics);
  if (dataset != nullptr && statistics.origin.preprocessing != dataset->preparation())
    report.warning(o.statistics + " was collected with " + statistics.origin.preprocessing +
                   ", the data of -s is prepared as " + dataset->preparation());
  return statistics;
}

/// The limits that another tool's table states, and biases corrected for them where there is data. Throws Cancelled.
engine::CalibrationResult calibrate_by_table(const CalibrateOptions& o,
                                             const engine::CalibrationOptions& options,
                                             const engine::Model& model, const engine::SampleSource& samples,
                                             const engine::Progress& progress, Report& report) {
  const engine::tables::ReadTable read = read_table_for(o.model, o.table, o.table_format);
  engine::Collected seen;
  const bool corrects = options.correct_bias && samples.runs > 0;
  if (corrects) {
    engine::CollectOptions collecting;
    collecting.threads = options.threads;
    collecting.max_memory = options.max_memory;
    collecting.records = {false, false};
    seen = engine::collect(model.graph, samples, collecting, progress);
    if (seen.not_finite)
      engine::check_finite(engine::plan_calibration(model.graph, options), seen.statistics,
                           samples.name_of(*seen.not_finite));
  }
  engine::TableCalibration calibration = engine::in_context({o.table, {}, {}}, [&] {
    return engine::calibrate_from_table(model.graph, read.table, options,
                                        corrects ? &seen.statistics : nullptr);
  });
  calibration.result.collect_seconds = seen.seconds;
  calibration.result.collect_passes = seen.passes;
  report_table(report, read, calibration);
  return std::move(calibration.result);
}

/// The limits, from statistics that were collected before or from the data. Throws Cancelled.
engine::CalibrationResult calibrate(const CalibrateOptions& o, const engine::CalibrationOptions& options,
                                    const engine::Model& model, engine::Dataset* dataset,
                                    InterruptGuard& interrupt, Report& report) {
  const engine::SampleSource samples = dataset != nullptr ? sample_source(*dataset) : engine::SampleSource{};
  std::optional<Statistics> statistics;
  if (!o.statistics.empty()) {
    statistics = fitting_statistics(o, model, report, dataset);
    const engine::CalibrationPlan plan = engine::plan_calibration(model.graph, options);
    engine::check_finite(plan, *statistics, {});
    if (dataset == nullptr) {
      auto result = engine::decide(model.graph, plan, *statistics, options);
      std::ranges::copy(engine::proofs_left_out(options), std::back_inserter(result.left_out));
      return result;
    }
  }
  ProgressMeter meter(report, parse_progress(o.progress, report.terminal()), "calibrating");
  const engine::Progress progress = [&](std::size_t done, std::size_t all) {
    meter.update(done, all);
    return !interrupt.interrupted();
  };
  if (!o.table.empty()) return calibrate_by_table(o, options, model, samples, progress, report);
  return engine::calibrate_and_correct(model.graph, samples, options, progress,
                                       statistics ? &*statistics : nullptr);
}

/// The annotation with what the table states of further values that the written format needs limits of.
engine::ir::Annotation with_table_limits(const CalibrateOptions& o, const engine::Model& model,
                                         engine::ir::Annotation annotation,
                                         const engine::CalibrationOptions& options, const fs::path& output) {
  const std::vector<std::string> values = values_without_range(model, o.model, annotation, output);
  std::ranges::copy(engine::table_limits(model.graph, read_table_for(o.model, o.table, o.table_format).table,
                                         options, values),
                    std::back_inserter(annotation.activations));
  return annotation;
}

/// The options without corrections that samples must prove. With them rounded weights and scaled channels are stated for layer after layer,
/// so that which layers stay in float is chosen without them.
engine::CalibrationOptions without_proofs(engine::CalibrationOptions options) {
  engine::drop_proven_corrections(options);
  return options;
}

/// Calibrates and writes the model. nullopt if a signal asked to stop; then nothing is written.
std::optional<engine::CalibrationResult> calibrate_and_write(const CalibrateOptions& o,
                                                             const engine::CalibrationOptions& options,
                                                             const engine::Model& model,
                                                             engine::Dataset* dataset, const fs::path& output,
                                                             Report& report) {
  InterruptGuard interrupt;
  try {
    engine::CalibrationOptions chosen = options;
    const auto choose_float_layers = [&](const Goal& goal) {
      const auto plain = calibrate(o, without_proofs(chosen), model, dataset, interrupt, report);
      const AccurateChoice choice =
          keep_accurate(model, plain.annotation, *dataset, goal, [&] { return !interrupt.interrupted(); });
      for (const std::string& line : described(choice, goal)) report.line(line);
      chosen.ignore_layers.insert(chosen.ignore_layers.end(), choice.layers.begin(), choice.layers.end());
      return !choice.layers.empty();
    };
    const Goal classes{o.same_class_goal(), true}, agreement{o.agreement, false};
    if (classes.least > 0 && dataset != nullptr) choose_float_layers(classes);
    if (interrupt.interrupted()) return std::nullopt;
    auto result = calibrate(o, chosen, model, dataset, interrupt, report);
    if (!interrupt.interrupted() && agreement.least > 0 && dataset != nullptr &&
        !o.asks_for_proofs(options) &&
        reached_by(model, result.annotation, *dataset, agreement) < agreement.least &&
        choose_float_layers(agreement) && !interrupt.interrupted())
      result = calibrate(o, chosen, model, dataset, interrupt, report);
    if (interrupt.interrupted()) return std::nullopt;
    if (dataset != nullptr) report_skipped(report, *dataset);
    if (!o.table.empty())
      result.annotation = with_table_limits(o, model, std::move(result.annotation), options, output);
    if (dataset == nullptr && !o.table.empty()) {
      write_calibrated(model, o.model, result.annotation, o.float_weights, output);
      return result;
    }
    const engine::SampleSource samples =
        dataset != nullptr ? sample_source(*dataset) : engine::SampleSource{};
    write_observed(model, o.model, result.annotation, options, dataset != nullptr ? &samples : nullptr,
                   o.float_weights, output);
    return result;
  } catch (const engine::Cancelled&) {
    return std::nullopt;
  } catch (const engine::UsageError&) {
    if (dataset != nullptr) report_skipped(report, *dataset);  // that none could be read is the better reason
    throw;
  }
}

/// What the options ask for and only data can give.
void report_left_out(const CalibrateOptions& o, const engine::CalibrationResult& result, Report& report) {
  std::vector<std::string> steps = result.left_out;
  if (!o.no_measure) steps.emplace_back("the comparison of INT8 with FP32");
  std::string text;
  for (const std::string& step : steps) text += (text.empty() ? "" : ", ") + step;
  if (!text.empty()) report.note("left out for want of images, which -s would name: " + text);
}

/// Simplified mode: limits from data, no labels.
Exit run_simplified(CalibrateOptions& o, Report& report) {
  const Stopwatch total;
  const engine::DatasetOptions data =
      o.config.given() ? engine::DatasetOptions{} : dataset_options(report, o.model.model, o.input, 64);
  std::optional<ConfiguredData> configured;
  if (o.config.given()) {
    configured.emplace(o.config_options(), o.model, report);
    configured->name_model(o.model);
  }
  const engine::Model model = with_precision(load(o.model), o.model, o.precision);
  const engine::CalibrationOptions options = calibration_options(o, model.document);
  const fs::path output = prepare_output(o.model.model, o.output);
  std::optional<engine::Dataset> dataset;
  if (configured)
    dataset.emplace(configured->dataset(model.graph, o.input.subsets()));
  else if (o.input.given())
    dataset.emplace(input_ports(model.graph), data);
  engine::Dataset* const samples = dataset ? &*dataset : nullptr;
  report.line("model: " + o.model.model + " (" + format_text(model) + ")");
  if (dataset) report_inputs(report, *dataset, o.input);

  const auto result = calibrate_and_write(o, options, model, samples, output, report);
  if (!result) {
    report.error("interrupted; nothing was written");
    return Exit::interrupted;
  }
  const CalibrationReport summary(report, *result, output, o.model);
  const std::string methods = ": method " +
                              (result->percentiles ? result->percentiles->method : o.method_or_default()) +
                              ", activations " + options.activations + ", weights " +
                              (options.per_channel_weights ? "per-channel" : "per-tensor");
  if (!o.table.empty())
    summary.print("the limits of " + o.table);
  else
    summary.print((o.statistics.empty() ? samples_text(*dataset)
                                        : counted(result->samples, "sample") + " of " + o.statistics) +
                  methods);
  if (o.verbose || !o.report_file.empty()) summary.print_layers(o.verbose, o.report_file);
  if (!o.no_measure && dataset) summary.print_measurements(model, *dataset);
  if (!dataset) report_left_out(o, *result, report);
  report.line("total time " + duration(total.seconds()) + ", peak memory " + megabytes(peak_memory()));
  return Exit::ok;
}

Exit run(CalibrateOptions& o, Report& report) {
  check(o, report);
  return o.simplified ? run_simplified(o, report) : run_standard(o, report);
}

}  // namespace

Command calibrate_command() {
  const auto options = std::make_shared<CalibrateOptions>();
  return {.name = "calibrate",
          .summary =
              "Make an INT8 model from a trained one and a folder of images, or from a configuration with "
              "labelled "
              "data",
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
          .declare = [options](CLI::App& app) { declare_calibrate(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
