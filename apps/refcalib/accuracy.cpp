#include <filesystem>
#include <memory>

#include "apps/refcalib/accuracy_report.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/config_options.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/output_file.h"
#include "engine/evaluation/stored_predictions.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  ConfigOptions config;
  std::vector<std::string> others;
  std::string stored, progress, format = "pretty", report, framework;
  std::size_t interval = 0;
  bool per_class = false, fp32 = false, with_fp32 = false, intervals = false;
  int threads = 0;
};

void declare(CLI::App& app, Options& o) {
  declare_config(app, o.config, false);
  app.add_option("--vs", o.others,
                 "Further models (.xml) that take the place of the configured one, side by side with it");
  app.add_flag("--fp32", o.fp32, "Run in FP32 even if a model is quantized");
  app.add_flag("--with-fp32", o.with_fp32, "Evaluate every model in FP32, too: the first of each pair");
  app.add_flag("--per-class", o.per_class, "Print the values of every class");
  app.add_flag("--intervals", o.intervals, "Print the 95 % interval of every figure");
  app.add_option("--stored-predictions", o.stored,
                 "File of predictions: taken from it if it is there, else written to it");
  app.add_option("--format", o.format, "pretty, csv or json")
      ->check(CLI::IsMember({"pretty", "csv", "json"}));
  app.add_option("--report", o.report, "Write the figures as JSON (.json) or CSV (.csv), too");
  app.add_option("--progress", o.progress, "bar, print, print:N or none");
  app.add_option("--progress-interval", o.interval, "The N of print")->check(whole_number());
  app.add_option("--nthreads,--threads", o.threads, "Threads; 0: all cores")->check(CLI::Range(0, 1024));
  app.add_option("--target-framework", o.framework, "Only dlsdk")->check(CLI::IsMember({"dlsdk"}));
}

/// What is to be evaluated: the configured models, then those of --vs, each perhaps in FP32 first.
struct Candidate {
  engine::EvaluationConfig config;
  bool float_only = false;
};

std::vector<Candidate> candidates(const Options& o, const std::vector<engine::EvaluationConfig>& configured) {
  std::vector<engine::EvaluationConfig> all = configured;
  for (const std::string& path : o.others) {
    engine::EvaluationConfig other = configured.front();
    other.name = model_stem(path);
    other.launcher.model = path;
    other.launcher.weights.clear();
    all.push_back(std::move(other));
  }
  std::vector<Candidate> out;
  for (engine::EvaluationConfig& config : all) {
    if (o.with_fp32) {
      out.push_back({config, true});
      out.back().config.name += " (FP32)";
    }
    out.push_back({std::move(config), o.fp32});
  }
  return out;
}

/// Evaluates one candidate, from stored predictions where there are some.
engine::Evaluation run_one(const Candidate& candidate, const engine::AnnotationSet& annotations,
                           const Options& o, const fs::path& stored, InterruptGuard& interrupt,
                           Report& report) {
  const auto program = compile_launcher(candidate.config.launcher, candidate.float_only);
  std::error_code ignored;
  if (!stored.empty() && fs::exists(stored, ignored)) {
    report.note("predictions are taken from " + stored.string());
    return engine::evaluate_stored(
        engine::read_predictions(stored, annotations), candidate.config, annotations,
        engine::InputFeeder(program->inputs(), candidate.config.launcher).context());
  }
  const std::string progress =
      o.progress == "print" && o.interval > 0 ? "print:" + std::to_string(o.interval) : o.progress;
  ProgressMeter meter(report, parse_progress(progress, report.terminal()), candidate.config.name);
  engine::EvaluateOptions options;
  options.threads = o.threads;
  options.progress = [&](std::size_t done, std::size_t all) { meter.update(done, all); };
  options.stop = [&] { return interrupt.interrupted(); };
  engine::Evaluation evaluation =
      engine::evaluate(program, candidate.config, annotations, options, !stored.empty());
  if (!stored.empty() && !evaluation.stopped)
    engine::write_predictions(stored, annotations, evaluation.predictions);
  evaluation.predictions.clear();
  return evaluation;
}

/// One file for each candidate: NAME as given for a single one, else NAME_2 and so on.
fs::path stored_name(const std::string& given, std::size_t index) {
  if (given.empty() || index == 0) return given;
  const fs::path path(given);
  return path.parent_path() /
         (path.stem().string() + "_" + std::to_string(index + 1) + path.extension().string());
}

Exit run(const Options& o, Report& report) {
  const auto configured = read_config(o.config, report);
  InterruptGuard interrupt;
  AccuracyReport figures;
  std::vector<Candidate> all = candidates(o, configured);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const engine::AnnotationSet annotations =
        engine::load_annotations(all[i].config.dataset, all[i].config.prefixes);
    engine::Evaluation evaluation =
        run_one(all[i], annotations, o, stored_name(o.stored, i), interrupt, report);
    if (evaluation.stopped) {
      report.error("interrupted; nothing was written");
      return Exit::interrupted;
    }
    report_failed(report, all[i].config, annotations, evaluation);
    figures.add(all[i].config, std::move(evaluation));
  }
  const AccuracyReport::Style style{o.per_class, o.intervals};
  if (o.format == "json")
    report.line(figures.json(style));
  else if (o.format == "csv")
    report.block(figures.csv(style));
  else
    report.block(figures.pretty(style));
  if (!o.report.empty()) {
    engine::OutputFile file(o.report);
    file.write(fs::path(o.report).extension() == ".csv" ? figures.csv(style) : figures.json(style) + "\n");
    file.commit();
  }
  return Exit::ok;
}

}  // namespace

Command accuracy_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "accuracy",
          .summary = "Evaluate models on labelled data as a configuration of the Accuracy Checker describes",
          .aliases = {{"-ss", "--subsample-size"},
                      {"-td", "--target-devices"},
                      {"-tt", "--target-tags"},
                      {"-tf", "--target-framework"},
                      {"-am", "--affinity-map"}},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
