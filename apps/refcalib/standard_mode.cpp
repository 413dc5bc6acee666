#include "apps/refcalib/standard_mode.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <refcalib/content_hash.hpp>
#include <refcalib/threshold_image_percentile.hpp>
#include <utility>

#include "apps/refcalib/accuracy_trials.h"
#include "apps/refcalib/calibrate_report.h"
#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/network_costs.h"
#include "apps/refcalib/standard_report.h"
#include "apps/refcalib/statistics_io.h"
#include "apps/refcalib/text.h"
#include "apps/refcalib/write_calibrated.h"
#include "engine/calibration/collect.h"
#include "engine/calibration/correction_names.h"
#include "engine/calibration/model_hash.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/threshold_choice.h"
#include "engine/core/error.h"
#include "engine/evaluation/output_file.h"
#include "engine/search/search_strategy.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kStatisticsSamples = 500;  ///< where no other number is asked for

/// The metric that decides. Throws UsageError with the names there are.
std::size_t chosen_metric(const SearchOptions& o, const ConfiguredData& data, Report& report) {
  const engine::SampleJudge judge(data.config(), data.annotations(), {});
  const auto metrics = judge.pipeline().metrics();
  std::vector<std::size_t> fitting;
  std::string names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const engine::MetricInfo& info = metrics[i]->info();
    names += (names.empty() ? "" : ", ") + info.name + " (" + info.type + ")";
    if ((o.metric_name.empty() || o.metric_name == info.name) &&
        (o.metric_type.empty() || o.metric_type == info.type))
      fitting.push_back(i);
  }
  const bool selected = !o.metric_name.empty() || !o.metric_type.empty();
  if (fitting.empty())
    throw engine::UsageError(
        "the dataset has no such metric; it has " + (names.empty() ? "none" : names),
        {.file = data.config().dataset.name, .remedy = "see --metric-name and --metric-type"});
  if (selected && fitting.size() > 1)
    throw engine::UsageError("several metrics fit: " + names,
                             {.file = data.config().dataset.name, .remedy = "choose one with --metric-name"});
  if (!selected && metrics.size() > 1)
    report.note("the first metric decides, '" + metrics[0]->info().name + "'; others: --metric-name, of " +
                names);
  return fitting.front();
}

/// One run of standard mode.
class StandardMode {
 public:
  StandardMode(CalibrateOptions& o, Report& report)
      : o_(o),
        report_(report),
        data_(o.config_options(), o.model, report, static_cast<std::size_t>(o.search.max_memory_mb * 5e5)),
        metric_(chosen_metric(o.search, data_, report)) {
    data_.name_model(o.model);
    model_ = load(o.model);
    options_ = calibration_options(o, model_.document);
    if (o.asks_for_proofs(options_))
      report.note(
          "corrections that samples must prove are left out in standard mode: layers that go back to FP32 "
          "would answer no "
          "better with weights that were corrected for INT8");
    engine::drop_proven_corrections(options_);
    output_ = prepare_output(o.model.model, o.output);
    dataset_.emplace(data_.dataset(model_.graph, statistics_subset()));
    samples_ = sample_source(*dataset_);
    goal_.threshold = o.search.threshold;
    if (!o.search.drop_type.empty())
      goal_.type = o.search.drop_type == "relative" ? engine::DropType::relative : engine::DropType::absolute;
    journal_ = engine::SearchJournal(file(".journal.json"), origin(), o.search.resume);
    if (o.search.resume)
      report.line(journal_.read_back() > 0
                      ? "going on from " + file(".journal.json").string() + ": " +
                            counted(journal_.read_back(), "result")
                      : "nothing to resume: there is no " + file(".journal.json").string());
    trials_.emplace(
        data_, TrialOptions{metric_, goal_, o.model.threads, parse_progress(o.progress, report.terminal())},
        journal_, interrupt_, report);
  }

  Exit run() {
    const Stopwatch total;
    try {
      return calibrate(total);
    } catch (const engine::Cancelled&) {
      return interrupted();
    }
  }

 private:
  fs::path file(const char* suffix) const {
    fs::path path = output_;
    path += suffix;
    return path;
  }

  engine::DatasetOptions statistics_subset() const {
    engine::DatasetOptions subset = o_.input.subsets();
    const bool chosen = subset.subset != 0 || subset.subset_percent > 0;
    if (!chosen && data_.annotations().samples.size() > kStatisticsSamples) {
      subset.subset = kStatisticsSamples;
      if (!subset.subset_seed) subset.subset_seed = 1;
    }
    return subset;
  }

  /// Everything that the results in the journal depend on.
  std::string origin() const {
    ContentHash data;
    data.add(dataset_->preparation());
    for (const engine::ConfigNode& step : data_.config().dataset.metrics) data.add(step.where());
    for (const engine::Annotation& sample : data_.annotations().samples) data.add(sample.name());
    const SearchOptions& s = o_.search;
    std::string text =
        "version 5, model " + std::to_string(engine::model_hash(model_.graph)) + ", data " +
        std::to_string(data.value()) + " of " + counted(trials_samples(), "sample") + ", metric " +
        std::to_string(metric_) + ", threshold " + significant(s.threshold, 9) + " " + s.drop_type +
        ", limits " + (o_.method.empty() ? "chosen" : o_.method) + " " + significant(s.step, 9) + " " +
        significant(s.boundary, 9) + ", search " + s.strategy + " " + std::to_string(s.ranking_subset) + " " +
        std::to_string(s.max_iterations) + " " + (s.measured() ? "latency" : "cost") + ", weights " +
        (options_.per_channel_weights ? "per channel " : "per tensor ") + options_.weights_method +
        ", activations " + options_.activations + ", target " + options_.target.name +
        (options_.correct_bias ? "" : ", plain biases") + ", bins " + std::to_string(options_.kl_bins) +
        ", statistics " + (o_.statistics.empty() ? counted(dataset_->samples(), "sample") : o_.statistics) +
        ", float";
    for (const std::string& name : options_.ignore_layers) text += " " + name;
    for (const std::string& type : options_.ignore_types) text += " type:" + type;
    for (const std::string& name : options_.int8_layers) text += " not:" + name;
    for (const auto& [pattern, method] : options_.method_for) text += ", " + pattern + "=" + method;
    return text;
  }
  std::size_t trials_samples() const { return data_.annotations().samples.size(); }

  Exit calibrate(const Stopwatch& total) {
    report_.line("model: " + o_.model.model + " (" + format_text(model_) + ")");
    report_.line("data: '" + data_.config().dataset.name + "', " + counted(trials_samples(), "sample"));
    const MakeGraph in_float = [this] { return model_.graph; };
    found_.reference = trials_->reference(in_float);
    found_.metric = trials_->info();
    found_.goal = goal_;
    report_.line("FP32: " + found_.metric.name + " " + found_.text_of(found_.reference));
    statistics_ = statistics();
    options_.method = best_method();
    network_.emplace(model_.graph, statistics_, options_, &samples_);
    costs_.emplace(*network_, o_, *dataset_, journal_);
    search();
    return finish(total);
  }

  Statistics statistics() {
    if (!o_.statistics.empty()) return statistics_for(model_.graph, o_.model, o_.statistics);
    const fs::path state = file(".journal.rcstat");
    std::error_code ignored;
    const bool resumes = o_.search.resume && fs::exists(state, ignored);
    std::optional<Statistics> before;
    if (resumes) before = read_statistics(state);
    const auto complete = journal_.get("statistics", [&] {
      ProgressMeter meter(report_, trials_->options().progress, "observing");
      engine::CollectOptions how;
      how.threads = o_.model.threads;
      how.records = needs();
      how.preprocessing = dataset_->preparation();
      if (before) how.resume = &*before;
      how.checkpoint = [&](const Statistics& so_far) { write_statistics(so_far, state); };
      engine::Collected collected =
          engine::collect(model_.graph, samples_, how, [&](std::size_t done, std::size_t all) {
            meter.update(done, all);
            return !interrupt_.interrupted();
          });
      if (collected.not_finite)
        engine::check_finite(engine::plan_calibration(model_.graph, options_), collected.statistics,
                             samples_.name_of(*collected.not_finite));
      write_statistics(collected.statistics, state);
      before = std::move(collected.statistics);
      return std::vector<double>{static_cast<double>(before->sample_count)};
    });
    if (!before)
      throw engine::IoError("the statistics of the journal are gone",
                            {state.string(), {}, "begin anew, without --resume"});
    report_.line("statistics: " + counted(static_cast<std::size_t>(complete.front()), "sample"));
    return std::move(*before);
  }

  /// Records of single images; of channels, too, for the percentages of images that are tried.
  SampleRecords needs() const {
    SampleRecords needed{true, o_.method.empty()};
    const engine::CalibrationPlan plan = engine::plan_calibration(model_.graph, options_);
    const SampleRecords chosen =
        engine::ThresholdSelection(options_, model_.graph, plan.simplified).records();
    needed.channel_ranges = needed.channel_ranges || chosen.channel_ranges;
    return needed;
  }

  /// The methods that are tried where none was asked for: the default one, extremes, and what the 2019 tool tried, each number of
  /// images once.
  std::vector<std::string> methods() const {
    if (!o_.method.empty()) return {o_.method};
    std::vector<std::string> list{engine::default_method(), "minmax"};
    if (!statistics_.origin.records.channel_ranges) return list;
    const double n = static_cast<double>(statistics_.sample_count);
    double taken = n;
    for (const double percent : image_percentile_candidates(100, o_.search.boundary, o_.search.step)) {
      const double take = std::floor(n * percent / 100 + 1e-9);
      if (take < taken)
        list.push_back("image-percentile:percent=" + significant(percent, 6) + ",interpolate=0");
      taken = take;
    }
    return list;
  }

  std::string best_method() {
    const std::vector<std::string> names = methods();
    std::vector<MakeGraph> graphs;
    for (const std::string& name : names)
      graphs.emplace_back([this, name] {
        engine::CalibrationOptions options = options_;
        options.method = name;
        return engine::MixedNetwork(model_.graph, statistics_, options, &samples_).all_int8_graph();
      });
    const auto subset = engine::RankingSubset::even(trials_samples(), subset_size());
    const std::size_t best = trials_->most_accurate("method", graphs, subset);
    report_.line("limits: " + names[best] +
                 (names.size() == 1 ? ""
                                    : ", the best of " + std::to_string(names.size()) + " methods on " +
                                          counted(subset.samples.size(), "sample")));
    return found_.method = names[best];
  }

  std::size_t subset_size() const {
    constexpr std::size_t least = 32, most = 300, share = 5;
    const std::size_t all = trials_samples();
    const std::size_t wanted =
        o_.search.ranking_subset != 0 ? o_.search.ranking_subset : std::clamp(all / share, least, most);
    return std::min(all, wanted);
  }
  std::size_t max_measurements() const {
    constexpr std::size_t least = 5, most = 10, share = 5;
    return o_.search.max_iterations != 0 ? o_.search.max_iterations
                                         : std::clamp(network_->layers().size() / share, least, most);
  }

  MakeGraph graph_of(const engine::FloatSet& floats) {
    return [this, floats] { return network_->graph(network_->calibrate(floats).annotation); };
  }

  engine::Measurement measure(const engine::FloatSet& floats, bool may_end_early) {
    const auto found = trials_->measure(engine::key_of(floats), graph_of(floats), may_end_early);
    const engine::Measurement& m = found.measurement;
    if (m.complete && better_than_best(floats, m)) best_ = {floats, m};
    report_.line("  " + std::to_string(engine::count_of(floats)) + " of " +
                 counted(network_->layers().size(), "layer") + " in FP32: " +
                 (m.complete ? found_.text_of(found.value) + ", drop " + found_.drop_text(m.drop)
                             : "ended early, a drop of " + found_.drop_text(m.drop) + " is expected"));
    values_[engine::key_of(floats)] = found.value;
    return m;
  }

  bool better_than_best(const engine::FloatSet& floats, const engine::Measurement& found) {
    if (!best_ || found.meets != best_->second.meets) return !best_ || found.meets;
    return found.meets ? costs_->of(floats) < costs_->of(best_->first) : found.drop < best_->second.drop;
  }

  void search() {
    found_.layers = network_->layers();
    found_.measured_cost = o_.search.measured();
    found_.start = costs_->slower_in_int8();
    const engine::Measurement start = measure(found_.start, false);
    found_.all_int8 = values_.at(engine::key_of(found_.start));
    found_.all_int8_drop = start.drop;
    if (start.meets || found_.layers.size() < 2) {
      found_.search.trials = {{found_.start, costs_->of(found_.start), 0, start}};
      engine::choose_best(found_.search);
      report_.line(start.meets ? "INT8 meets the threshold: nothing to search for"
                               : "INT8 misses the threshold, and there is no other layer to leave in INT8");
      return;
    }
    report_.line("INT8 misses the threshold of " + found_.drop_text(goal_.threshold) +
                 ": looking for layers for FP32");
    engine::RankingSubset subset =
        trials_->subset(engine::key_of(found_.start), graph_of(found_.start), subset_size());
    std::string subset_of = engine::key_of(found_.start);
    trials_->look_first_where(subset_of, graph_of(found_.start));
    found_.subset = subset.samples.size();
    found_.effects = effects(subset);
    engine::SearchProblem problem;
    problem.layers = found_.layers.size();
    problem.threshold = goal_.threshold;
    problem.start = found_.start;
    problem.at_start = start;
    const engine::SearchStrategy& strategy = engine::search_strategy(o_.search.strategy);
    // A drop on few samples may be one unlucky sample: what a layer costs is not more than the error of the outputs speaks for.
    double drops = 0, errors = 0;
    for (const engine::LayerEffect& effect : found_.effects) {
      drops += std::max(0.0, effect.drop);
      errors += effect.output_error;
    }
    const double drop_per_error = errors > 0 ? drops / errors : std::numeric_limits<double>::infinity();
    for (const engine::LayerEffect& effect : found_.effects) {
      problem.alone.push_back(std::min(effect.drop, effect.output_error * drop_per_error));
      problem.harm.push_back(effect.score());
      problem.own_error.push_back(effect.own_error);
    }
    problem.cost = [this](const engine::FloatSet& floats) { return costs_->of(floats); };
    problem.estimate = [&](const engine::FloatSet& floats) {
      return trials_->estimate(subset_of + " " + engine::key_of(floats), graph_of(floats), subset);
    };
    // Samples that a network near the goal gets wrong tell more than those that the start did.
    problem.refine = [&](const engine::FloatSet& floats) {
      subset_of = engine::key_of(floats);
      subset = trials_->subset(subset_of, graph_of(floats), subset_size());
      trials_->look_first_where(subset_of, graph_of(floats));
      return true;
    };
    problem.measure = [&](const engine::FloatSet& floats) { return measure(floats, strategy.ends_early); };
    problem.max_measurements = max_measurements();
    found_.search = strategy.run(problem);
  }

  std::vector<engine::LayerEffect> effects(const engine::RankingSubset& subset) {
    const auto numbers = journal_.get("effects", [&] {
      ProgressMeter meter(report_, trials_->options().progress, "layers");
      engine::EffectOptions how;
      how.threads = o_.model.threads;
      how.bytes = static_cast<std::size_t>(o_.search.max_memory_mb * 5e5);
      how.metric = metric_;
      how.prepared = &data_.prepared();
      how.stop = trials_->stop();
      how.progress = [&](std::size_t done, std::size_t all) { meter.update(done, all); };
      const auto found =
          engine::layer_effects(*network_, data_.config(), data_.annotations(), subset, goal_, how);
      if (found.empty()) throw engine::Cancelled("interrupted");
      std::vector<double> list;
      for (const engine::LayerEffect& effect : found) {
        list.push_back(effect.drop);
        list.push_back(effect.output_error);
        list.push_back(effect.own_error);
      }
      return list;
    });
    std::vector<engine::LayerEffect> list;
    for (std::size_t i = 0; i + 2 < numbers.size(); i += 3)
      list.push_back({numbers[i], numbers[i + 1], numbers[i + 2]});
    return list;
  }

  void write(const engine::FloatSet& floats) {
    result_ = network_->calibrate(floats);
    write_observed(model_, o_.model, result_.annotation, options_, &samples_, o_.float_weights, output_);
  }

  /// The best of networks that all miss the threshold may be one whose evaluation ended early: what is written is evaluated as a whole.
  void complete_best() {
    for (engine::SearchTrial* best = &found_.search.trials[found_.search.best]; !best->found.complete;) {
      best->found = measure(best->floats, false);
      engine::choose_best(found_.search);
      best = &found_.search.trials[found_.search.best];
    }
  }

  Exit finish(const Stopwatch& total) {
    complete_best();
    const engine::FloatSet& floats = found_.search.trials[found_.search.best].floats;
    const std::string key = engine::key_of(floats);
    found_.model = o_.model.model;
    found_.dataset = data_.config().dataset.name;
    found_.output = output_.string();
    found_.samples = trials_samples();
    found_.met = found_.search.met;
    found_.value = values_.at(key);
    found_.float_cost = costs_->in_float();
    found_.complete = trials_->complete_evaluations();
    found_.partial = trials_->partial_evaluations();
    found_.passes = trials_->passes();
    found_.difference = trials_->difference(key, graph_of(floats));
    // A network that was measured to be slower than FP32 is of no use: the model itself is written in its place.
    found_.in_float = found_.measured_cost && !engine::faster_than_float(found_.search, found_.float_cost);
    write(floats);
    if (found_.in_float) write_calibrated(model_, o_.model, {}, o_.float_weights, output_);
    found_.print(report_, o_.verbose);
    const CalibrationReport calibration(report_, result_, output_, o_.model);
    calibration.print(counted(result_.samples, "sample") + ": method " + found_.method + ", activations " +
                      options_.activations + ", weights " +
                      (options_.per_channel_weights ? "per-channel" : "per-tensor"));
    const bool json = fs::path(o_.report_file).extension() == ".json";
    if (o_.verbose || (!json && !o_.report_file.empty()))
      calibration.print_layers(o_.verbose, json ? "" : o_.report_file);
    if (json) {
      engine::OutputFile out(o_.report_file);
      out.write(found_.json() + "\n");
      out.commit();
    }
    journal_.remove();
    std::error_code ignored;
    fs::remove(file(".journal.rcstat"), ignored);
    report_.line("total time " + duration(total.seconds()) + ", peak memory " + megabytes(peak_memory()));
    if (found_.met) return Exit::ok;
    report_.error("no network was found that meets the threshold of " + found_.drop_text(goal_.threshold) +
                  (found_.in_float ? "; the best one is slower than FP32, which was written: "
                                   : "; the best one was written: ") +
                  output_.string());
    return Exit::missed;
  }

  Exit interrupted() {
    const std::string go_on =
        "repeat the command with --resume to go on from " + file(".journal.json").string();
    if (!best_) {
      report_.error("interrupted; nothing was written; " + go_on);
      return Exit::interrupted;
    }
    write(best_->first);
    report_.error("interrupted; the best network so far was written: " + output_.string() + ", drop " +
                  found_.drop_text(best_->second.drop) +
                  (best_->second.meets ? "" : ", which misses the threshold") + "; " + go_on);
    return Exit::interrupted;
  }

  CalibrateOptions& o_;
  Report& report_;
  InterruptGuard interrupt_;
  ConfiguredData data_;
  std::size_t metric_;
  engine::Model model_;
  engine::CalibrationOptions options_;
  fs::path output_;
  std::optional<engine::Dataset> dataset_;
  engine::SampleSource samples_;
  engine::AccuracyGoal goal_;
  engine::SearchJournal journal_;
  std::optional<AccuracyTrials> trials_;
  Statistics statistics_;
  std::optional<engine::MixedNetwork> network_;
  std::optional<NetworkCosts> costs_;
  std::map<std::string, double> values_;
  std::optional<std::pair<engine::FloatSet, engine::Measurement>> best_;  ///< so far
  engine::CalibrationResult result_;
  StandardReport found_;
};

}  // namespace

Exit run_standard(CalibrateOptions& o, Report& report) {
  return StandardMode(o, report).run();
}

}  // namespace refcalib::app
