#include "engine/calibration/collect.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "engine/calibration/model_hash.h"
#include "engine/calibration/observing_memory.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/range_observer.h"

namespace refcalib::engine {
namespace {

/// Samples in one run: the first dimension that all inputs with at least two agree in, else 1.
std::size_t batch_of(const Program& program) {
  std::optional<std::int64_t> batch;
  for (const PortInfo& input : program.inputs()) {
    if (input.shape.size() < 2) continue;
    if (batch && *batch != input.shape.front()) return 1;
    batch = input.shape.front();
  }
  return static_cast<std::size_t>(std::max<std::int64_t>(batch.value_or(1), 1));
}

/// What a row of all inputs holds; inputs without rows count as a whole.
std::uint64_t row_hash(Session& session, std::size_t row, std::size_t batch) {
  ContentHash hash;
  for (std::size_t i = 0; i < session.program().inputs().size(); ++i) {
    const std::span<const float> all = session.input(i);
    const bool has_rows = session.program().inputs()[i].shape.size() > 1;
    const std::size_t size = has_rows ? all.size() / batch : all.size();
    hash.add(has_rows ? all.subspan(row * size, size) : all);
  }
  return hash.value();
}

/// The network as it is observed.
struct Observed {
  std::shared_ptr<const Program> program;
  std::vector<ValueId> values;
  std::size_t batch = 1;

  explicit Observed(const Graph& graph) {
    const Graph simplified = float_graph(graph);
    CompileOptions compile = default_options();
    compile.int8 = false;
    values = observed_values(simplified);
    program = Program::compile(simplified, compile);
    batch = batch_of(*program);
  }
  RangeObserver observer(const SampleRecords& records) const { return {*program, values, batch, records}; }
};

Statistics without_samples(const Graph& graph, const Observed& network, const CollectOptions& options) {
  Statistics empty;
  empty.origin.model = graph.name;
  empty.origin.model_hash = model_hash(graph);
  empty.origin.preprocessing = options.preprocessing;
  if (!options.preprocessing.empty()) {
    ContentHash hash;
    hash.add(options.preprocessing);
    empty.origin.preprocessing_hash = hash.value();
  }
  empty.origin.records = options.records;
  empty.values = network.observer(options.records).take();
  return empty;
}

/// Samples dealt out to workers, each with a session and an observer of its own; what they saw is merged exactly, so the deal does
/// not matter.
class Collection {
 public:
  Collection(const Observed& network, const SampleSource& samples, const CollectOptions& options,
             const Progress& progress)
      : network_(network), samples_(samples), options_(options), progress_(progress) {}

  /// `start`: what was seen before.
  Collected run(Statistics start, int threads) {
    total_.statistics = std::move(start);
    for (const std::uint64_t hash : total_.statistics.samples) ++seen_before_[hash];
    {
      std::vector<std::jthread> helpers;
      for (int t = 1; t < threads; ++t) helpers.emplace_back([this] { work(); });
      work();
    }
    total_.statistics.sort();
    if (cancelled_ && options_.checkpoint) options_.checkpoint(total_.statistics);
    if (error_) std::rethrow_exception(error_);
    if (cancelled_) throw Cancelled("calibration was interrupted");
    return std::move(total_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// One worker's share of what was seen.
  struct Share {
    Session session;
    RangeObserver observer;
    Statistics statistics;
    Clock::time_point handed_in = Clock::now();
  };

  void work() noexcept {
    try {
      Share own{Session(network_.program, 1), network_.observer(options_.records), {}};
      own.statistics.origin = total_.statistics.origin;
      for (std::size_t index = next_++; index < samples_.runs && !stop_; index = next_++) {
        const std::uint64_t before = own.observer.not_finite();
        if (const Filled filled = samples_.fill(own.session, index); filled.any()) observe(own, filled);
        report(index, own.observer.not_finite() != before);
        if (options_.checkpoint && std::chrono::duration<double>(Clock::now() - own.handed_in).count() >=
                                       options_.checkpoint_seconds)
          hand_in(own, true);
      }
      hand_in(own, false);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      if (!error_) error_ = std::current_exception();
    }
  }

  void observe(Share& own, const Filled& filled) {
    std::vector<bool> rows(network_.batch);
    bool any = false;
    for (std::size_t row = 0; row < network_.batch; ++row) {
      if (!filled.row(row)) continue;
      const std::uint64_t hash = row_hash(own.session, row, network_.batch);
      rows[row] = is_new(hash);
      if (rows[row]) own.statistics.add_sample(hash);
      any = any || rows[row];
    }
    if (!any) return;
    own.observer.begin(std::move(rows));
    own.session.run(own.observer);
  }

  /// False for as many samples of that hash as were seen before.
  bool is_new(std::uint64_t hash) {
    const std::lock_guard lock(mutex_);
    const auto known = seen_before_.find(hash);
    if (known == seen_before_.end() || known->second == 0) return true;
    --known->second;
    return false;
  }

  void hand_in(Share& own, bool checkpoint) {
    const std::lock_guard lock(mutex_);
    // One at a time: what is handed in is in memory beside what the observer begins with.
    own.statistics.values = own.observer.take();
    total_.statistics.merge(own.statistics);
    const StatisticsOrigin origin = own.statistics.origin;
    own.statistics = {};
    own.statistics.origin = origin;
    if (checkpoint) {
      total_.statistics.sort();
      options_.checkpoint(total_.statistics);
    }
    own.handed_in = Clock::now();
  }

  void report(std::size_t index, bool not_finite) {
    const std::lock_guard lock(mutex_);
    if (not_finite) total_.not_finite = std::min(index, total_.not_finite.value_or(index));
    if (stop_ || !progress_ || progress_(++done_, samples_.runs)) return;
    stop_ = true;
    cancelled_ = true;
  }

  const Observed& network_;
  const SampleSource& samples_;
  const CollectOptions& options_;
  const Progress& progress_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;  ///< of all below
  std::map<std::uint64_t, std::uint64_t> seen_before_;
  std::size_t done_ = 0;
  bool cancelled_ = false;
  Collected total_;
  std::exception_ptr error_;
};

/// All values in one run of the samples, going on from `options.resume` where that is given.
Collected collect_at_once(const Graph& graph, const Observed& network, int threads,
                          const SampleSource& samples, const CollectOptions& options,
                          const Progress& progress) {
  Statistics seen = without_samples(graph, network, options);
  if (options.resume != nullptr) {
    try {
      if (options.resume->origin.records != options.records)
        throw std::invalid_argument("other records of single samples were kept");
      seen.merge(*options.resume);
    } catch (const std::invalid_argument& error) {
      throw UsageError(std::string("the collection cannot go on: ") + error.what(),
                       {{}, {}, "collect with the same model and options, or anew"});
    }
  }
  return Collection(network, samples, options, progress).run(std::move(seen), threads);
}

/// Runs the samples once for each part of the values and puts together what was seen.
Collected collect_in_parts(const Graph& graph, Observed network, const ObservingPlan& plan,
                           const SampleSource& samples, const CollectOptions& options,
                           const Progress& progress) {
  if (options.resume != nullptr)
    throw UsageError("a collection in several passes cannot be resumed",
                     {{}, {}, "allow more memory, or collect anew"});
  CollectOptions of_part = options;
  of_part.checkpoint = nullptr;
  std::optional<Collected> whole;
  for (std::size_t pass = 0; pass < plan.passes.size(); ++pass) {
    network.values = plan.passes[pass];
    const Progress part = [&](std::size_t done, std::size_t all) {
      return !progress || progress(pass * all + done, plan.passes.size() * all);
    };
    Collected seen = Collection(network, samples, of_part, part)
                         .run(without_samples(graph, network, options), static_cast<int>(plan.threads));
    if (!whole) {
      whole = std::move(seen);
      continue;
    }
    if (seen.statistics.sample_count != whole->statistics.sample_count ||
        seen.statistics.data_hash != whole->statistics.data_hash)
      throw UsageError("the samples were others in pass " + std::to_string(pass + 1) + " than before",
                       {{}, {}, "leave the data as it is while it is observed"});
    whole->statistics.values.merge(seen.statistics.values);
    if (seen.not_finite)
      whole->not_finite = std::min(*seen.not_finite, whole->not_finite.value_or(*seen.not_finite));
  }
  whole->passes = plan.passes.size();
  return std::move(*whole);
}

}  // namespace

Collected collect(const Graph& graph, const SampleSource& samples, const CollectOptions& options,
                  const Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  const Observed network(graph);
  const auto cores = static_cast<std::size_t>(options.threads > 0 ? options.threads : usable_cores());
  const std::size_t threads = std::clamp<std::size_t>(samples.runs, 1, std::max<std::size_t>(cores, 1));
  const ObservingPlan plan = plan_observing(
      {*network.program, network.values, samples.runs * network.batch, options.records, threads},
      options.max_memory);
  Collected collected =
      plan.passes.size() > 1
          ? collect_in_parts(graph, network, plan, samples, options, progress)
          : collect_at_once(graph, network, static_cast<int>(plan.threads), samples, options, progress);
  if (collected.statistics.sample_count == 0) throw UsageError("not one calibration sample could be used");
  collected.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return collected;
}

Statistics empty_statistics(const Graph& graph, const CollectOptions& options) {
  return without_samples(graph, Observed(graph), options);
}

}  // namespace refcalib::engine
