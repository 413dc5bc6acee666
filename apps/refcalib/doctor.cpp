#include <algorithm>
#include <memory>
#include <optional>

#include "apps/refcalib/command.h"
#include "apps/refcalib/config_options.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/preprocessing_variants.h"

namespace refcalib::app {
namespace {

struct Options {
  ConfigOptions config;
  std::string progress;
  int threads = 0;
  bool verbose = false;
};

/// At least so much better, in the metric's range, and by more than chance, is "clearly better".
constexpr double kClear = 0.04;

struct Trial {
  engine::PreprocessingVariant variant;
  engine::PairedDifference difference;
  double value = 0;
};

/// Better by more than what chance and the number of variants explain.
bool clearly_better(const Trial& trial, bool higher_is_better) {
  const double gain = higher_is_better ? trial.difference.difference : -trial.difference.difference;
  const double least = higher_is_better ? trial.difference.low : -trial.difference.high;
  // The interval is widened by half again: the best of about twenty variants is looked at.
  const double margin = gain - least;
  return gain >= kClear && gain - 1.5 * margin > 0;
}

std::size_t normalizations(const std::vector<engine::ConfigNode>& steps) {
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(), [](const engine::ConfigNode& step) {
        const auto* const type = step.find("type");
        return type != nullptr && type->text == "normalization";
      }));
}

class Doctor {
 public:
  Doctor(const Options& options, Report& report) : options_(options), report_(report) {}

  /// True if nothing is wrong, nullopt if interrupted.
  std::optional<bool> examine(engine::EvaluationConfig config) {
    const auto program = compile_launcher(config.launcher, true);
    const engine::AnnotationSet annotations = engine::load_annotations(config.dataset, config.prefixes);
    const auto context = engine::InputFeeder(program->inputs(), config.launcher).context();
    const bool classes = std::holds_alternative<engine::ClassTruth>(annotations.samples.front().truth);
    const auto variants = engine::preprocessing_variants(config.dataset.preprocessing, context, classes);
    const engine::Evaluation base = run(program, config, annotations);
    if (base.stopped) return std::nullopt;
    report_failed(report_, config, annotations, base);
    const engine::Metric& metric = *base.metrics.front();
    const double value = metric.value(base.all()) * metric.info().scale;
    report_.line("model '" + config.name + "' on " + counted(annotations.samples.size(), "sample") + " of '" +
                 config.dataset.name + "': " + metric.info().name + " " + fixed(value, 2) + " " +
                 metric.info().unit + " as configured, " + counted(variants.size(), "other way") + " tried");
    std::optional<Trial> best;
    for (const engine::PreprocessingVariant& variant : variants) {
      const auto trial = attempt(program, config, annotations, base, variant);
      if (!trial) {
        if (interrupt_.interrupted()) return std::nullopt;
        continue;
      }
      if (options_.verbose)
        report_.line("  " + variant.what + ": " + fixed(trial->value, 2) + " " + metric.info().unit);
      const bool better = metric.info().higher_is_better;
      if (!clearly_better(*trial, better)) continue;
      if (!best || (better ? trial->value > best->value : trial->value < best->value)) best = *trial;
    }
    if (best) complain(*best, metric, value, config);
    return !best.has_value();
  }

 private:
  engine::Evaluation run(const std::shared_ptr<const engine::Program>& program,
                         const engine::EvaluationConfig& config, const engine::AnnotationSet& annotations) {
    ProgressMeter meter(report_, parse_progress(options_.progress, report_.terminal()), config.name);
    engine::EvaluateOptions how;
    how.threads = options_.threads;
    how.progress = [&](std::size_t done, std::size_t all) { meter.update(done, all); };
    how.stop = [&] { return interrupt_.interrupted(); };
    return engine::evaluate(program, config, annotations, how, false);
  }

  /// nullopt for a variant that does not fit the network, or if interrupted.
  std::optional<Trial> attempt(const std::shared_ptr<const engine::Program>& program,
                               engine::EvaluationConfig config, const engine::AnnotationSet& annotations,
                               const engine::Evaluation& base, const engine::PreprocessingVariant& variant) {
    config.dataset.preprocessing = variant.steps;
    try {
      const engine::Evaluation other = run(program, config, annotations);
      if (other.stopped) return std::nullopt;
      const engine::Metric& metric = *other.metrics.front();
      return Trial{variant, engine::paired_difference(*base.metrics.front(), metric, other.samples),
                   metric.value(other.all()) * metric.info().scale};
    } catch (const engine::UsageError&) {
      return std::nullopt;
    }
  }

  void complain(const Trial& best, const engine::Metric& metric, double value,
                const engine::EvaluationConfig& config) {
    const std::string figures = ": " + metric.info().name + " " + fixed(best.value, 2) + " instead of " +
                                fixed(value, 2) + " " + metric.info().unit;
    const std::size_t stated = normalizations(config.dataset.preprocessing);
    report_.warning("model '" + config.name + "' is clearly better with other preprocessing, " +
                    best.variant.what + figures);
    if (stated > 1 && normalizations(best.variant.steps) < stated)
      report_.warning("normalization seems to be applied twice: 'preprocessing' states it " +
                      std::to_string(stated) + " times");
    else if (best.variant.no_normalization && stated > 0)
      report_.warning("normalization seems to be applied twice: the network normalizes its input itself");
    std::string steps;
    for (const engine::ConfigNode& step : best.variant.steps) {
      steps += "  - ";
      bool first = true;
      for (const auto& [key, entry] : step.map) {
        steps += (first ? "" : "    ") + key + ": " + entry.text + "\n";
        first = false;
      }
      if (step.map.empty()) steps += step.text + "\n";
    }
    report_.line("preprocessing:");
    report_.block(steps);
  }

  const Options& options_;
  Report& report_;
  InterruptGuard interrupt_;
};

Exit run(const Options& o, Report& report) {
  ConfigOptions config = o.config;
  if (config.subset.empty()) config.subset = "60";
  Doctor doctor(o, report);
  bool fine = true;
  for (const engine::EvaluationConfig& evaluation : read_config(config, report)) {
    const auto result = doctor.examine(evaluation);
    if (!result) {
      report.error("interrupted");
      return Exit::interrupted;
    }
    fine = fine && *result;
  }
  if (fine) report.line("nothing clearly better was found");
  return fine ? Exit::ok : Exit::below;
}

}  // namespace

Command doctor_command() {
  const auto options = std::make_shared<Options>();
  return {
      .name = "doctor",
      .summary = "Try other preprocessing than a configuration states, and warn where it is clearly better",
      .aliases = {{"-ss", "--subsample-size"}, {"-td", "--target-devices"}, {"-tt", "--target-tags"}},
      .declare =
          [options](CLI::App& app) {
            declare_config(app, options->config, true);
            app.add_option("--progress", options->progress, "bar, print, print:N or none");
            app.add_option("--nthreads,--threads", options->threads, "Threads; 0: all cores")
                ->check(CLI::Range(0, 1024));
            app.add_flag("-v,--verbose", options->verbose, "Print the figure of every variant");
          },
      .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
