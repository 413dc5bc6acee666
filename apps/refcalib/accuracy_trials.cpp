#include "apps/refcalib/accuracy_trials.h"

#include <cmath>
#include <utility>

#include "apps/refcalib/text.h"
#include "engine/calibration/samples.h"
#include "engine/search/output_error.h"

namespace refcalib::app {
namespace {

constexpr const char* kFloat = "fp32";

std::shared_ptr<const engine::Program> compiled(engine::Graph graph, bool int8) {
  engine::CompileOptions options = engine::default_options();
  options.int8 = int8;
  return engine::Program::compile(std::move(graph), options);
}

}  // namespace

AccuracyTrials::AccuracyTrials(ConfiguredData& data, TrialOptions options, engine::SearchJournal& journal,
                               InterruptGuard& interrupt, Report& report)
    : data_(data), options_(std::move(options)), journal_(journal), interrupt_(interrupt), report_(report) {}

std::function<bool()> AccuracyTrials::stop() const {
  return [this] { return interrupt_.interrupted(); };
}

bool AccuracyTrials::run(
    engine::Evaluator& evaluator, std::span<const std::size_t> samples, const std::string& what,
    const std::function<void(std::size_t, const engine::NetworkRun&, std::size_t)>& outputs) {
  ProgressMeter meter(report_, options_.progress, what);
  engine::EvaluateOptions how;
  how.threads = options_.threads;
  how.prepared = &data_.prepared();
  how.stop = stop();
  how.progress = [&](std::size_t done, std::size_t all) { meter.update(done, all); };
  how.outputs = outputs;
  if (!evaluator.run(samples, how)) throw engine::Cancelled("interrupted");
  return true;
}

double AccuracyTrials::reference(const MakeGraph& graph) {
  float_graph_ = graph;
  const auto known = journal_.get(kFloat, [&] {
    const engine::Metric& metric = whole(kFloat, graph);
    return std::vector<double>{metric.value(std::vector<std::uint32_t>(samples(), 1))};
  });
  if (info_.name.empty()) {
    // The journal knew the value; how it is to be read, the configuration says.
    const engine::SampleJudge judge(data_.config(), data_.annotations(), {});
    info_ = judge.pipeline().metrics()[options_.metric]->info();
  }
  ++complete_;
  ++passes_;
  return reference_ = known.front();
}

const engine::Metric& AccuracyTrials::whole(const std::string& name, const MakeGraph& graph) {
  auto& metric = metrics_[name];
  if (metric) return *metric;
  const bool in_float = name == kFloat;
  engine::Evaluator evaluator(compiled(graph(), !in_float), data_.config(), data_.annotations());
  std::vector<std::size_t> all(samples());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  run(evaluator, all, in_float ? "FP32" : "INT8");
  engine::Evaluation evaluation = evaluator.finish();
  if (in_float) report_failed(report_, data_.config(), data_.annotations(), evaluation);
  metric = std::move(evaluation.metrics[options_.metric]);
  if (in_float) info_ = metric->info();
  return *metric;
}

AccuracyTrials::Found AccuracyTrials::measure(const std::string& name, const MakeGraph& graph,
                                              bool may_end_early) {
  const auto known = journal_.get((may_end_early ? "measure " : "evaluate ") + name, [&] {
    const Found found = evaluate_in_parts(name, graph(), may_end_early);
    return std::vector<double>{found.value, found.measurement.drop, found.measurement.share};
  });
  Found found{known[0], {known[1], false, known[2] >= 1, known[2]}};
  found.measurement.meets = found.measurement.complete && options_.goal.met(found.measurement.drop);
  ++(found.measurement.complete ? complete_ : partial_);
  passes_ += found.measurement.share;
  return found;
}

void AccuracyTrials::look_first_where(const std::string& name, const MakeGraph& graph) {
  const auto differing = journal_.get("differing " + name, [&] {
    const auto first = whole(kFloat, float_graph_).per_sample();
    const auto second = first ? whole(name, graph).per_sample() : std::nullopt;
    std::vector<double> list(samples(), 0);
    for (std::size_t i = 0; i < samples() && first && second; ++i)
      list[i] = (*first)[i] != (*second)[i] ? 1 : 0;
    return list;
  });
  std::vector<bool> flags(samples());
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] = differing[i] != 0;
  test_.emplace(std::move(flags));
}

AccuracyTrials::Found AccuracyTrials::evaluate_in_parts(const std::string& name, const engine::Graph& graph,
                                                        bool may_end_early) {
  engine::Evaluator evaluator(compiled(graph, true), data_.config(), data_.annotations());
  const bool tested = may_end_early && test_ && test_->parts().size() > 1;
  // Compared with sample by sample; a resumed search has to make it again to decide as it did before.
  if (tested) whole(kFloat, float_graph_);
  const auto parts = tested ? test_->parts() : engine::SequentialTest(std::vector<bool>(samples())).parts();
  std::vector<std::uint32_t> seen(samples(), 0);
  std::size_t count = 0;
  for (const std::vector<std::size_t>& part : parts) {
    run(evaluator, part, "INT8");
    for (const std::size_t sample : part) seen[sample] = 1;
    count += part.size();
    if (!tested || count == samples()) continue;
    const auto outlook = outlook_for(evaluator.metric(options_.metric), seen);
    if (!outlook || outlook->least <= options_.goal.threshold) continue;
    const double share = static_cast<double>(count) / static_cast<double>(samples());
    return {evaluator.value(options_.metric, seen), {outlook->mean, false, false, share}};
  }
  engine::Evaluation evaluation = evaluator.finish();
  metrics_[name] = std::move(evaluation.metrics[options_.metric]);
  const double value = metrics_[name]->value(seen);
  const double found = drop(value, reference_);
  return {value, {found, options_.goal.met(found)}};
}

std::optional<engine::SequentialTest::Outlook> AccuracyTrials::outlook_for(
    const engine::Metric& metric, const std::vector<std::uint32_t>& seen) const {
  const auto own = metric.per_sample();
  const auto reference = metrics_.at(kFloat)->per_sample();
  if (!own || !reference) return std::nullopt;
  std::vector<double> worse(seen.size());
  for (std::size_t i = 0; i < seen.size(); ++i)
    worse[i] = ((*reference)[i] - (*own)[i]) * (info_.higher_is_better ? 1 : -1);
  const double unit =
      options_.goal.relative(info_) ? 100 / std::max(std::abs(reference_), 1e-300) : info_.scale;
  const auto [mean, least] = test_->outlook(worse, seen);
  return engine::SequentialTest::Outlook{mean * unit, least * unit};
}

double AccuracyTrials::reference_on(const engine::RankingSubset& subset) {
  return whole(kFloat, float_graph_).value(subset.weights);
}

double AccuracyTrials::estimate(const std::string& name, const MakeGraph& graph,
                                const engine::RankingSubset& subset) {
  return journal_
      .get("estimate " + name,
           [&] {
             const double reference = reference_on(subset);
             engine::Evaluator evaluator(compiled(graph(), true), data_.config(), data_.annotations());
             run(evaluator, subset.samples, "comparing");
             return std::vector<double>{drop(evaluator.value(options_.metric, subset.weights), reference)};
           })
      .front();
}

std::size_t AccuracyTrials::most_accurate(const std::string& name, const std::vector<MakeGraph>& graphs,
                                          const engine::RankingSubset& subset) {
  if (graphs.size() == 1) return 0;
  const auto known = journal_.get(name, [&] {
    engine::ReferenceOutputs outputs(samples());
    engine::Evaluator exact(compiled(float_graph_(), false), data_.config(), data_.annotations());
    run(exact, subset.samples, "comparing",
        [&](std::size_t sample, const engine::NetworkRun& seen, std::size_t row) {
          outputs.keep(sample, seen, row);
        });
    const double reference = exact.value(options_.metric, subset.weights);
    std::vector<double> best;
    for (std::size_t i = 0; i < graphs.size(); ++i) {
      engine::Evaluator evaluator(compiled(graphs[i](), true), data_.config(), data_.annotations());
      std::vector<double> errors(samples(), 0);
      run(evaluator, subset.samples, "comparing",
          [&](std::size_t sample, const engine::NetworkRun& seen, std::size_t row) {
            errors[sample] = outputs.error(sample, seen, row);
          });
      double error = 0;
      for (const double e : errors) error += e;
      const double own = drop(evaluator.value(options_.metric, subset.weights), reference);
      if (best.empty() || std::pair(own, error) < std::pair(best[1], best[2]))
        best = {static_cast<double>(i), own, error};
    }
    return best;
  });
  return static_cast<std::size_t>(known.front());
}

engine::RankingSubset AccuracyTrials::subset(const std::string& name, const MakeGraph& graph,
                                             std::size_t size) {
  const auto known = journal_.get("subset " + name, [&] {
    const auto first = whole(kFloat, float_graph_).per_sample();
    const auto second = first ? whole(name, graph).per_sample() : std::nullopt;
    const auto chosen = first && second ? engine::RankingSubset::stratified(*first, *second, size)
                                        : engine::RankingSubset::even(samples(), size);
    std::vector<double> numbers;
    for (const std::size_t sample : chosen.samples) {
      numbers.push_back(static_cast<double>(sample));
      numbers.push_back(chosen.weights[sample]);
    }
    return numbers;
  });
  engine::RankingSubset subset{{}, std::vector<std::uint32_t>(samples(), 0)};
  for (std::size_t i = 0; i + 1 < known.size(); i += 2) {
    subset.samples.push_back(static_cast<std::size_t>(known[i]));
    subset.weights[subset.samples.back()] = static_cast<std::uint32_t>(known[i + 1]);
  }
  return subset;
}

engine::PairedDifference AccuracyTrials::difference(const std::string& name, const MakeGraph& graph) {
  // Copied before: the map may grow.
  const engine::Metric& own = whole(name, graph);
  return engine::paired_difference(whole(kFloat, float_graph_), own, samples());
}

}  // namespace refcalib::app
