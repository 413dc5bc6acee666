#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/refcalib/configured_data.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/progress.h"
#include "engine/search/accuracy_goal.h"
#include "engine/search/accuracy_search.h"
#include "engine/search/ranking_subset.h"
#include "engine/search/search_journal.h"
#include "engine/search/sequential_test.h"

namespace refcalib::app {

/// A network for a trial, made only where the journal does not know the result.
using MakeGraph = std::function<engine::Graph()>;

/// How trials run.
struct TrialOptions {
  std::size_t metric = 0;  ///< number of the metric that decides
  engine::AccuracyGoal goal;
  int threads = 0;
  ProgressStyle progress;
};

/// Evaluates networks on the data of a configuration, through a journal. All of it throws engine::Cancelled if a signal asks to stop.
class AccuracyTrials {
 public:
  /// All must outlive it.
  AccuracyTrials(ConfiguredData& data, TrialOptions options, engine::SearchJournal& journal,
                 InterruptGuard& interrupt, Report& report);

  /// What one evaluation on all samples found.
  struct Found {
    double value = 0;  ///< of the metric; of a part of the samples if not complete
    engine::Measurement measurement;
  };

  /// Evaluates the network in float: to be called first. Returns the metric.
  double reference(const MakeGraph& graph);
  /// Evaluates a network in integers on all samples, or, with `may_end_early`, until it is clear that it misses the goal.
  Found measure(const std::string& name, const MakeGraph& graph, bool may_end_early);
  /// Evaluations that may end early begin with the samples on which this network, which was evaluated on all, and float differ.
  void look_first_where(const std::string& name, const MakeGraph& graph);
  /// The drop on a subset.
  double estimate(const std::string& name, const MakeGraph& graph, const engine::RankingSubset& subset);
  /// The network of several whose drop on a subset is least, of equals the one whose outputs are nearest to float, of equals the first.
  std::size_t most_accurate(const std::string& name, const std::vector<MakeGraph>& graphs,
                            const engine::RankingSubset& subset);
  /// Samples for comparisons, from what float and these integers got right and wrong.
  engine::RankingSubset subset(const std::string& name, const MakeGraph& graph, std::size_t size);
  /// A network against the one in float, in the unit of the metric.
  engine::PairedDifference difference(const std::string& name, const MakeGraph& graph);

  const engine::MetricInfo& info() const noexcept { return info_; }
  const TrialOptions& options() const noexcept { return options_; }
  std::size_t samples() const noexcept { return data_.annotations().samples.size(); }
  std::size_t complete_evaluations() const noexcept { return complete_; }
  std::size_t partial_evaluations() const noexcept { return partial_; }
  /// Both in passes over all samples.
  double passes() const noexcept { return passes_; }
  std::function<bool()> stop() const;

 private:
  const engine::Metric& whole(const std::string& name, const MakeGraph& graph);
  bool run(engine::Evaluator& evaluator, std::span<const std::size_t> samples, const std::string& what,
           const std::function<void(std::size_t, const engine::NetworkRun&, std::size_t)>& outputs = {});
  Found evaluate_in_parts(const std::string& name, const engine::Graph& graph, bool may_end_early);
  /// The drop that is to be expected by those that were seen; nullopt: the metric is no mean over samples.
  std::optional<engine::SequentialTest::Outlook> outlook_for(const engine::Metric& metric,
                                                             const std::vector<std::uint32_t>& seen) const;
  double drop(double value, double reference) const { return options_.goal.drop(info_, reference, value); }
  /// The metric of the float network on a subset.
  double reference_on(const engine::RankingSubset& subset);

  ConfiguredData& data_;
  TrialOptions options_;
  engine::SearchJournal& journal_;
  InterruptGuard& interrupt_;
  Report& report_;
  engine::MetricInfo info_;
  MakeGraph float_graph_;
  double reference_ = 0;
  std::map<std::string, std::unique_ptr<engine::Metric>>
      metrics_;  ///< of complete evaluations in this process
  std::optional<engine::SequentialTest> test_;
  std::size_t complete_ = 0, partial_ = 0;
  double passes_ = 0;
};

}  // namespace refcalib::app
