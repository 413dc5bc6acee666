#include "engine/search/layer_effects.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "engine/core/parallel.h"
#include "engine/search/output_error.h"
#include "engine/search/suffix.h"

namespace refcalib::engine {
namespace {

using Activations = std::map<ValueId, std::vector<float>>;

/// Keeps chosen values of a run.
class Recorder final : public StepObserver {
 public:
  explicit Recorder(Activations& into) : into_(into) {}
  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    for (const ValueView& view : outputs)
      if (const auto wanted = into_.find(view.id); wanted != into_.end())
        copy_to_floats(view, wanted->second);
  }

 private:
  Activations& into_;
};

/// One run of the float network.
struct KeptRun {
  struct Row {
    std::size_t sample = 0;
    SampleGeometry geometry;
  };
  std::vector<Row> rows;
  Activations values;
  std::vector<std::vector<float>> outputs;
};

/// One layer in integers, and all behind it.
struct Trial {
  std::size_t layer = 0;
  Suffix suffix;
  std::unique_ptr<SampleJudge> judge;
  std::vector<double> errors;          ///< by number in the subset
  ValueId own = kNone, exact = kNone;  ///< the layer's output in the suffix and in the float network
  double own_errors = 0;               ///< summed over the samples
};

/// The error of a part of two values as the tool of 2019 measured it.
double normalized_error(std::span<const float> reference, std::span<const float> value) {
  double squares = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double difference = static_cast<double>(value[i]) - static_cast<double>(reference[i]);
    squares += difference * difference;
  }
  const auto [low, high] = std::ranges::minmax(reference);
  if (high <= low) return 1;
  return std::sqrt(squares / static_cast<double>(reference.size())) /
         (static_cast<double>(high) - static_cast<double>(low));
}

class Effects {
 public:
  Effects(const MixedNetwork& network, const EvaluationConfig& config, const AnnotationSet& annotations,
          const RankingSubset& subset, const AccuracyGoal& goal, const EffectOptions& options)
      : network_(network),
        config_(config),
        annotations_(annotations),
        subset_(subset),
        goal_(goal),
        options_(options),
        exact_graph_(network.held(FloatSet(network.layers().size(), true))),
        exact_(compiled(exact_graph_, false)),
        feeder_(exact_->inputs(), config.launcher),
        judge_(config, annotations, feeder_.context()),
        references_(annotations.samples.size()),
        threads_(static_cast<std::size_t>(options.threads > 0 ? options.threads : usable_cores())) {}

  std::vector<LayerEffect> run() {
    if (volumes()) return by_whole_runs();
    prepare_trials();
    const std::size_t batch = feeder_.batch();
    const std::size_t chunk = batch * std::max<std::size_t>(threads_, options_.bytes / bytes_per_run());
    const std::size_t chunks = (subset_.samples.size() + chunk - 1) / chunk;
    work_ = chunks * trials_.size();
    for (std::size_t first = 0; first < subset_.samples.size(); first += chunk) {
      const auto part =
          std::span(subset_.samples).subspan(first, std::min(chunk, subset_.samples.size() - first));
      if (!run_exact(part) || !run_trials()) return {};
    }
    std::vector<LayerEffect> effects;
    const double reference = judge_.value(options_.metric, subset_.weights);
    for (Trial& trial : trials_) {
      double error = 0;
      for (const double e : trial.errors) error += e;
      effects.push_back({drop(reference, trial.judge->value(options_.metric, subset_.weights)),
                         judged_ == 0 ? 0.0 : error / static_cast<double>(judged_),
                         judged_ == 0 ? 0.0 : trial.own_errors / static_cast<double>(judged_)});
    }
    return effects;
  }

 private:
  static std::shared_ptr<const Program> compiled(const Graph& graph, bool int8) {
    CompileOptions options = default_options();
    options.int8 = int8;
    return Program::compile(graph, options);
  }

  const MetricInfo& info() const { return judge_.pipeline().metrics()[options_.metric]->info(); }
  double drop(double reference, double value) const { return goal_.drop(info(), reference, value); }

  std::shared_ptr<const std::vector<Frame>> frames(std::size_t sample) const {
    const Annotation& annotation = annotations_.samples[sample];
    if (options_.prepared != nullptr) return options_.prepared->get(judge_.pipeline(), annotation, sample);
    return std::make_shared<const std::vector<Frame>>(judge_.pipeline().prepare(annotation));
  }

  bool volumes() const {
    for (const std::size_t sample : subset_.samples) try {
        return by_slices(*frames(sample), exact_->inputs());
      } catch (const UsageError&) {
        throw;
      } catch (const Error&) {  // a sample that cannot be read tells nothing
      }
    return false;
  }

  FloatSet all_but(std::size_t layer) const {
    FloatSet floats(network_.layers().size(), true);
    floats[layer] = false;
    return floats;
  }

  /// For what cannot be cut: every layer costs a whole run.
  std::vector<LayerEffect> by_whole_runs() const {
    EvaluateOptions how;
    how.threads = options_.threads;
    how.prepared = options_.prepared;
    how.stop = options_.stop;
    const auto value = [&](const std::shared_ptr<const Program>& program) -> std::optional<double> {
      Evaluator evaluator(program, config_, annotations_);
      if (!evaluator.run(subset_.samples, how)) return std::nullopt;
      return evaluator.value(options_.metric, subset_.weights);
    };
    std::vector<LayerEffect> effects;
    const auto reference = value(exact_);
    for (std::size_t layer = 0; reference && layer < network_.layers().size(); ++layer) {
      const auto own = value(compiled(network_.held(all_but(layer)), true));
      if (!own) return {};
      effects.push_back({drop(*reference, *own), 0, 0});
      if (options_.progress) options_.progress(layer + 1, network_.layers().size());
    }
    return effects;
  }

  void prepare_trials() {
    for (std::size_t layer = 0; layer < network_.layers().size(); ++layer) {
      const Graph graph = network_.held(all_but(layer));
      std::set<NodeId> changed = integer_nodes(graph);
      // A layer that stays in float by itself changes nothing; the cut is made at it all the same.
      for (const NodeId id : graph.order())
        if (graph.node(id).name == network_.layers()[layer]) changed.insert(id);
      Trial trial{layer, suffix_from(graph, changed),
                  std::make_unique<SampleJudge>(config_, annotations_, feeder_.context()),
                  std::vector<double>(annotations_.samples.size(), 0)};
      for (const NodeId id : graph.order()) {
        if (graph.node(id).name != network_.layers()[layer]) continue;
        const std::string& name = graph.value(graph.node(id).outputs.front()).name;
        trial.own = trial.suffix.graph.find_value(name);
        trial.exact = exact_graph_.find_value(name);
        if (trial.exact != kNone) wanted_.insert(trial.exact);
      }
      for (ValueId& input : trial.suffix.inputs) {
        // Graphs differ in the constants of the layer: their values have names in common, not numbers.
        input = exact_graph_.find_value(graph.value(input).name);
        wanted_.insert(input);
      }
      trials_.push_back(std::move(trial));
    }
  }

  std::size_t bytes_per_run() const {
    std::int64_t elements = 1;
    for (const ValueId id : wanted_) elements += element_count(exact_graph_.value(id).shape);
    for (const PortInfo& output : exact_->outputs()) elements += element_count(output.shape);
    return static_cast<std::size_t>(elements) * sizeof(float);
  }

  bool stopped() {
    const std::lock_guard lock(mutex_);
    if (!stop_ && options_.stop && options_.stop()) stop_ = true;
    return stop_;
  }

  /// Calls `item(index)` for all indices, by as many threads as are wanted; `make` gives each thread what it needs. False if stopped.
  template <class F>
  bool in_parallel(std::size_t count, const F& item) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr error;
    const auto work = [&] {
      try {
        for (std::size_t i = next++; i < count && !stopped(); i = next++) item(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        stop_ = true;
        if (!error) error = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> team;
      for (std::size_t t = 1; t < std::min(threads_, count); ++t) team.emplace_back(work);
      work();
    }
    if (error) std::rethrow_exception(error);
    return !stop_;
  }

  /// Runs the float network over a part of the subset and keeps what the trials need.
  bool run_exact(std::span<const std::size_t> samples) {
    const std::size_t batch = feeder_.batch();
    kept_.clear();
    kept_.resize((samples.size() + batch - 1) / batch);
    const bool complete = in_parallel(kept_.size(), [&](std::size_t r) {
      Session session(exact_, 1);
      keep(session, samples.subspan(r * batch, std::min(batch, samples.size() - r * batch)), kept_[r]);
    });
    for (const KeptRun& run : kept_) judged_ += run.rows.size();
    return complete;
  }

  void keep(Session& session, std::span<const std::size_t> samples, KeptRun& run) {
    std::vector<std::shared_ptr<const std::vector<Frame>>> rows;
    for (const std::size_t sample : samples) try {
        auto frame = frames(sample);
        run.rows.push_back({sample, frame->front().geometry});
        rows.push_back(std::move(frame));
      } catch (const UsageError&) {
        throw;
      } catch (const Error&) {  // the whole evaluation names it
      }
    if (rows.empty()) return;
    for (std::size_t row = 0; row < feeder_.batch(); ++row) {
      const std::size_t own = std::min(row, rows.size() - 1);
      feeder_.feed(session, row, annotations_.samples[run.rows[own].sample], *rows[own]);
    }
    for (const ValueId id : wanted_) run.values[id];
    Recorder recorder(run.values);
    session.run(recorder);
    const auto outputs = outputs_of(session);
    for (const NetworkOutput& output : outputs)
      run.outputs.emplace_back(output.values.begin(), output.values.end());
    const NetworkRun seen{outputs, feeder_.batch()};
    for (std::size_t row = 0; row < run.rows.size(); ++row) {
      references_.keep(run.rows[row].sample, seen, row);
      judge(judge_, run.rows[row], seen, row);
    }
  }

  static void judge(const SampleJudge& judge, const KeptRun::Row& sample, const NetworkRun& run,
                    std::size_t row) {
    try {
      judge.add(sample.sample, judge.pipeline().adapter().read(run, row, sample.geometry), sample.geometry);
    } catch (const UsageError&) {
      throw;
    } catch (const Error&) {  // as above
    }
  }

  bool run_trials() {
    return in_parallel(trials_.size(), [&](std::size_t i) {
      Trial& trial = trials_[i];
      Session session(compiled(trial.suffix.graph, true), 1);
      for (const KeptRun& run : kept_)
        if (!run.rows.empty()) run_trial(trial, session, run);
      const std::lock_guard lock(mutex_);
      ++done_;
      if (options_.progress) options_.progress(done_, work_);
    });
  }

  /// Adds the error of the layer's own output to those of other runs.
  static void compare_own(Trial& trial, const std::vector<float>& own, const KeptRun& run,
                          std::size_t batch) {
    const std::vector<float>& exact = run.values.at(trial.exact);
    if (own.size() != exact.size() || own.empty()) return;
    const std::size_t size = own.size() / batch;
    for (std::size_t row = 0; row < run.rows.size(); ++row)
      trial.own_errors += normalized_error(std::span(exact).subspan(row * size, size),
                                           std::span(own).subspan(row * size, size));
  }

  void run_trial(Trial& trial, Session& session, const KeptRun& run) const {
    for (std::size_t i = 0; i < trial.suffix.inputs.size(); ++i) {
      const std::vector<float>& value = run.values.at(trial.suffix.inputs[i]);
      if (value.size() != session.input(i).size())
        throw Error("an activation was not kept", {{}, network_.layers()[trial.layer], {}});
      std::ranges::copy(value, session.input(i).begin());
    }
    Activations recorded;
    recorded[trial.own];
    Recorder recorder(recorded);
    session.run(recorder);
    if (trial.exact != kNone) compare_own(trial, recorded[trial.own], run, feeder_.batch());
    std::vector<NetworkOutput> outputs;
    for (std::size_t o = 0; o < run.outputs.size(); ++o) {
      const PortInfo& port = exact_->outputs()[o];
      const auto own = trial.suffix.outputs[o];
      outputs.push_back({port.name, port.shape, own ? session.output(*own) : std::span(run.outputs[o])});
    }
    const NetworkRun seen{outputs, feeder_.batch()};
    for (std::size_t row = 0; row < run.rows.size(); ++row) {
      trial.errors[run.rows[row].sample] = references_.error(run.rows[row].sample, seen, row);
      judge(*trial.judge, run.rows[row], seen, row);
    }
  }

  const MixedNetwork& network_;
  const EvaluationConfig& config_;
  const AnnotationSet& annotations_;
  const RankingSubset& subset_;
  const AccuracyGoal& goal_;
  const EffectOptions& options_;
  Graph exact_graph_;
  std::shared_ptr<const Program> exact_;
  InputFeeder feeder_;
  SampleJudge judge_;  ///< of the float network
  ReferenceOutputs references_;
  std::size_t threads_;
  std::vector<Trial> trials_;
  std::set<ValueId> wanted_;
  std::vector<KeptRun> kept_;
  std::size_t judged_ = 0, done_ = 0, work_ = 0;
  bool stop_ = false;
  std::mutex mutex_;
};

}  // namespace

std::vector<LayerEffect> layer_effects(const MixedNetwork& network, const EvaluationConfig& config,
                                       const AnnotationSet& annotations, const RankingSubset& subset,
                                       const AccuracyGoal& goal, const EffectOptions& options) {
  return Effects(network, config, annotations, subset, goal, options).run();
}

}  // namespace refcalib::engine
