#include "engine/calibration/collect.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "apps/refcalib/calibrate_options.h"
#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/configured_data.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/precision_option.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/statistics_io.h"
#include "apps/refcalib/text.h"
#include "apps/refcalib/write_calibrated.h"
#include "engine/calibration/convergence.h"
#include "engine/calibration/decide.h"
#include "engine/calibration/plan.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelOptions model;
  InputOptions input;
  ConfigArguments config;
  LayerLists layers;
  std::string output, progress, precision = "INT8";
  bool resume = false, no_records = false, channel_records = false, empty = false;
  double checkpoint_seconds = 30;
  std::optional<double> max_memory_mb;
  IgnoredOptions ignored = IgnoredOptions::of_2019(
      {{"--threshold,--threshold-step,--threshold-boundary", "limits are decided by refcalib calibrate"},
       {"--metric-name,--metric-type", "nothing is evaluated"},
       {"--benchmark-iterations-count", "nothing is measured"},
       {"--calibrate-fully-connected", "FullyConnected is observed, too; see --ignore-layer-types", false},
       {"--simplified-mode", "statistics need no labels", false}});
};

void declare(CLI::App& app, Options& o) {
  app.add_option(
      "-m,--model,--models", o.model.model,
      "Network: MODEL.xml of an Intermediate Representation; with -c the folder that paths of models "
      "begin at, or a file that takes the place of the configured one");
  declare_config_arguments(app, o.config, "Configuration");
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  declare_shapes(app, o.model, "-b,--batch,--batch-size");
  declare_machine(app, o.model);
  o.layers.declare(app, "Layers of the model that is written");
  app.add_option("-p,--precision", o.precision, "Only INT8");
  app.add_option(
      "-o,--output,--output-dir", o.output,
      "The statistics: FILE.rcstat; a folder: <model>_int8_statistics.xml in it, a copy of the model with "
      "extremes, as the tool of 2019 wrote it; default: such a file beside the model");
  declare_inputs(app, o.input, "-s,--source,-i,--input");
  app.add_flag("--resume", o.resume, "Go on with an interrupted collection into the same file");
  app.add_option("--checkpoint", o.checkpoint_seconds,
                 "Seconds between states that --resume can go on from, kept as FILE.rcstat.partial")
      ->capture_default_str()
      ->check(non_negative_number());
  app.add_option(
         "--max-memory", o.max_memory_mb,
         "MB (10^6 bytes) for intermediate values of runs and statistics: fewer threads, and if need be "
         "several passes, of which an interrupted one is not resumed; default: no bound")
      ->check(non_negative_number());
  app.add_flag("--channel-records", o.channel_records,
               "Keep the extremes of every channel of every single image, which some methods need");
  app.add_flag("--no-records", o.no_records,
               "Keep nothing of single images: the file does not grow with their number");
  app.add_flag("--empty", o.empty, "Write statistics of no image, for programs that collect in the field");
  app.add_option("--progress", o.progress, "bar (default on a terminal) | print[:N] (else) | none");
  o.ignored.declare(app);
}

fs::path partial_file(const Options& o) {
  return o.output + ".partial";
}

bool writes_model(const Options& o) {
  return fs::path(o.output).extension() != ".rcstat";
}

void check(const Options& o) {
  if (o.no_records && o.channel_records)
    throw engine::UsageError("--no-records and --channel-records exclude each other");
  if (o.no_records && o.resume)
    throw engine::UsageError(
        "--resume needs the records that --no-records leaves out: they tell which images are done");
  check_precision(o.precision, false);
  if (!o.config.given() && o.model.model.empty())
    throw engine::UsageError("no model; name it with -m MODEL.xml");
  if (!o.config.given() && !o.input.given() && !o.empty)
    throw engine::UsageError("no data; name it with -s IMAGES, or use --random SEED");
  if (!writes_model(o)) {
    check_output(o.output);
    return;
  }
  if (o.resume || o.empty || o.channel_records || o.no_records)
    throw engine::UsageError(
        "--resume, --empty and options on records need statistics as a file of their own",
        {{}, {}, "name it with -o FILE.rcstat"});
}

/// The 2019 tool's output: a copy of the model that states the extremes of all layers.
fs::path write_statistics_model(const Options& o, const engine::Model& model, const Statistics& statistics) {
  CalibrateOptions how;
  how.model = o.model;
  how.output = o.output;
  how.layers = o.layers;
  how.method = "minmax";
  how.plain_biases = true;
  const engine::CalibrationOptions options = calibration_options(how, model.document);
  // Extremes alone are what the Intermediate Representation has room for; other formats need what follows from them.
  const fs::path folder = o.output.empty() ? fs::path(o.model.model).parent_path() : fs::path(o.output);
  const fs::path named =
      folder.extension() == ".xml" ? folder : folder / (model_stem(o.model.model) + "_int8_statistics.xml");
  const fs::path file = prepare_output(o.model.model, named.string());
  const engine::CalibrationPlan plan = engine::plan_calibration(model.graph, options);
  engine::check_finite(plan, statistics, {});
  write_observed(model, o.model, engine::decide(model.graph, plan, statistics, options).annotation, options,
                 nullptr, false, file);
  return file;
}

/// The state to go on from; nullopt if there is none.
std::optional<Statistics> interrupted_state(const Options& o, Report& report) {
  const fs::path partial = partial_file(o);
  std::error_code ignored;
  const bool there = fs::exists(partial, ignored);
  if (o.resume && there) {
    Statistics state = read_statistics(partial);
    report.line("going on from " + partial.string() + ": " + summary(state));
    return state;
  }
  if (o.resume) report.note("nothing to resume: there is no " + partial.string());
  if (!o.resume && there)
    report.note(partial.string() + " of an interrupted collection is replaced; --resume would go on from it");
  return std::nullopt;
}

void report_convergence(Report& report, const Statistics& statistics) {
  const auto found = engine::convergence(statistics);
  if (!found) return;
  report.line("convergence: the last half of the samples widened extremes by " +
              fixed(found->mean_growth * 100, 2) + " % on average, at most by " +
              fixed(found->largest_growth * 100, 1) + " % ('" + found->largest_value + "')");
  report.line(engine::describe(*found, statistics.sample_count));
}

Exit run(Options& o, Report& report) {
  check(o);
  o.ignored.report(report);
  (void)parse_progress(o.progress, report.terminal());
  std::optional<ConfiguredData> configured;
  if (o.config.given()) {
    configured.emplace(o.config.options(o.model, o.input, o.model.device), o.model, report);
    configured->name_model(o.model);
    o.model.device = "CPU";
  }
  const engine::Model model = load(o.model);
  engine::CollectOptions collecting;
  collecting.threads = o.model.threads;
  collecting.records = {!o.no_records, o.channel_records};
  if (o.max_memory_mb) collecting.max_memory = bytes_of(*o.max_memory_mb);
  if (o.empty) {
    const Statistics none = engine::empty_statistics(model.graph, collecting);
    write_statistics(none, o.output);
    report.line("written: " + o.output + ", " + summary(none));
    return Exit::ok;
  }
  engine::Dataset dataset = configured ? configured->dataset(model.graph, o.input.subsets())
                                       : engine::Dataset(input_ports(model.graph),
                                                         dataset_options(report, o.model.model, o.input, 64));
  report.line("model: " + o.model.model + " (" + format_text(model) + ")");
  report_inputs(report, dataset, o.input);
  collecting.preprocessing = dataset.preparation();
  const std::optional<Statistics> state = interrupted_state(o, report);
  if (state) collecting.resume = &*state;
  collecting.checkpoint = [&](const Statistics& so_far) {
    if (!o.no_records && !writes_model(o)) write_statistics(so_far, partial_file(o));
  };
  collecting.checkpoint_seconds = o.checkpoint_seconds;

  InterruptGuard interrupt;
  ProgressMeter meter(report, parse_progress(o.progress, report.terminal()), "collecting");
  engine::Collected collected;
  try {
    collected = engine::collect(model.graph, sample_source(dataset), collecting,
                                [&](std::size_t done, std::size_t all) {
                                  meter.update(done, all);
                                  return !interrupt.interrupted();
                                });
  } catch (const engine::Cancelled&) {
    std::error_code ignored;
    report.error("interrupted; " +
                 (o.no_records || writes_model(o) || !fs::exists(partial_file(o), ignored)
                      ? "nothing was written"
                      : "repeat the command with --resume to go on from " + partial_file(o).string()));
    return Exit::interrupted;
  } catch (const engine::UsageError&) {
    report_skipped(report, dataset);  // that none could be read is the better reason
    throw;
  }
  report_skipped(report, dataset);
  std::string written = o.output;
  if (writes_model(o)) {
    written = write_statistics_model(o, model, collected.statistics).string();
  } else {
    write_statistics(collected.statistics, o.output);
    std::error_code ignored;
    fs::remove(partial_file(o), ignored);
  }
  report.line("collected " + summary(collected.statistics));
  report.line("observing " + duration(collected.seconds) +
              (collected.passes > 1 ? " in " + std::to_string(collected.passes) + " passes" : ""));
  if (collected.not_finite)
    report.warning("values were not finite, first for " +
                   sample_source(dataset).name_of(*collected.not_finite) +
                   "; 'refcalib calibrate' names the layer");
  report_convergence(report, collected.statistics);
  report.line("written: " + written);
  return Exit::ok;
}

}  // namespace

Command collect_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "collect",
          .summary = "Collect the statistics of a network's values over images, for calibration later",
          .aliases = {kSubsetAlias,
                      {"-td", "--device"},
                      {"--target-devices", "--device"},
                      {"-tt", "--target-tags"},
                      {"-th", "--threshold"},
                      {"-thstep", "--threshold-step"},
                      {"-thboundary", "--threshold-boundary"},
                      {"-ic", "--benchmark-iterations-count"},
                      {"-mn", "--metric-name"},
                      {"-mt", "--metric-type"},
                      {"-cfc", "--calibrate-fully-connected"},
                      {"-sm", "--simplified-mode"}},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
