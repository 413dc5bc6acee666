#include <algorithm>
#include <cmath>
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

/// Other preprocessing is "clearly better" if the network is surer of what is true by at least so much …
constexpr double kClearLog = 0.1;     ///< nats, of a class
constexpr double kClearScore = 0.02;  ///< of the score of objects
/// … and by so many standard errors: the best of about twenty variants is looked at.
constexpr double kClearErrors = 3.5;
/// A metric that falls by more speaks against a variant, in its range.
constexpr double kWorse = 0.02;

struct Trial {
  engine::PreprocessingVariant variant;
  double value = 0;   ///< of the configured metric, as it is printed
  double change = 0;  ///< of it, in its range; positive is better
  double gain = 0;    ///< of the confidence
  double errors = 0;  ///< the gain in its standard errors
};

/// Mean difference of two evaluations of the same samples, and how many of its standard errors that is.
std::pair<double, double> mean_gain(const engine::Metric& first, const engine::Metric& second) {
  const auto a = first.per_sample(), b = second.per_sample();
  double count = 0, sum = 0, squares = 0;
  for (std::size_t i = 0; a && b && i < a->size(); ++i) {
    const double difference = (*b)[i] - (*a)[i];
    if (std::isnan(difference)) continue;
    ++count;
    sum += difference;
    squares += difference * difference;
  }
  if (count < 2) return {0, 0};
  const double mean = sum / count, variance = (squares - sum * mean) / (count - 1);
  const double error = std::sqrt(std::max(variance, 0.0) / count);
  return {mean, error > 0 ? mean / error : 0};
}

std::size_t normalizations(const std::vector<engine::ConfigNode>& steps) {
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(), [](const engine::ConfigNode& step) {
        const auto* const type = step.find("type");
        return type != nullptr && type->text == "normalization";
      }));
}

/// A normalization that states what the one right before it states; nullptr if there is none.
const engine::ConfigNode* repeated_normalization(const std::vector<engine::ConfigNode>& steps) {
  const auto fields = [](const engine::ConfigNode& step) {
    std::string text;
    for (const auto& [key, value] : step.map) {
      text += key + "=" + value.text + ";";
      for (const engine::ConfigNode& item : value.list) text += item.text + ",";
    }
    return text;
  };
  for (std::size_t i = 1; i < steps.size(); ++i)
    if (normalizations({steps[i]}) == 1 && normalizations({steps[i - 1]}) == 1 &&
        fields(steps[i]) == fields(steps[i - 1]))
      return &steps[i];
  return nullptr;
}

class Doctor {
 public:
  Doctor(const Options& options, Report& report) : options_(options), report_(report) {}

  /// True if nothing is wrong, nullopt if interrupted.
  std::optional<bool> examine(engine::EvaluationConfig config) {
    config.dataset.metrics.push_back(engine::map_node({{"type", "confidence_in_truth"}}));
    const auto program = compile_launcher(config.launcher, true);
    const engine::AnnotationSet annotations = engine::load_annotations(config.dataset, config.prefixes);
    const auto context = engine::InputFeeder(program->inputs(), config.launcher).context();
    const engine::Truth& truth = annotations.samples.front().truth;
    const bool classes = std::holds_alternative<engine::ClassTruth>(truth);
    if (!classes && !std::holds_alternative<engine::BoxTruth>(truth))
      throw engine::UnsupportedError(
          "the doctor judges by classes or boxes; the annotations are " + std::string(name_of(truth)),
          {.file = config.dataset.name});
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
        report_.line("  " + variant.what + ": " + fixed(trial->value, 2) + " " + metric.info().unit +
                     ", confidence " + (trial->gain < 0 ? "" : "+") + fixed(trial->gain, 3) + " (" +
                     fixed(trial->errors, 1) + " standard errors)");
      const bool clear = trial->gain >= (classes ? kClearLog : kClearScore) &&
                         trial->errors >= kClearErrors && trial->change > -kWorse;
      if (clear && (!best || trial->gain > best->gain)) best = *trial;
    }
    if (best) complain(*best, metric, value, config);
    const engine::ConfigNode* const repeated = repeated_normalization(config.dataset.preprocessing);
    if (!best && repeated != nullptr)
      report_.warning("normalization seems to be applied twice: line " + std::to_string(repeated->line) +
                      " states the same as the normalization before it, even if the figures hardly show it");
    return !best && repeated == nullptr;
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
      const double before = base.metrics.front()->value(base.all()), after = metric.value(other.all());
      const auto [gain, errors] = mean_gain(*base.metrics.back(), *other.metrics.back());
      return Trial{variant, after * metric.info().scale,
                   metric.info().higher_is_better ? after - before : before - after, gain, errors};
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
        std::string shown = entry.text;
        for (const engine::ConfigNode& item : entry.list) shown += (shown.empty() ? "" : ", ") + item.text;
        steps += (first ? "" : "    ") + key + ": " + shown + "\n";
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
  if (config.subset.empty()) config.subset = "100";
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
