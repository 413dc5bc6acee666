#include "engine/calibration/automatic_ranges.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "engine/calibration/layer_trial.h"
#include "engine/core/for_each_index.h"

namespace refcalib::engine {
namespace {

struct Candidate {
  ChosenRange choice;
  double error = 0;
};

/// A group whose range is to be chosen, what it may be, and the layers that tell. Contests share nothing, so that each is one thread's.
struct Contest {
  std::size_t group;
  const std::vector<ValueId>& values;
  std::vector<Candidate> candidates;  ///< different ranges, the widest first
  std::vector<LayerTrial> readers;
};

float width(const QuantizationRange& range) {
  return range.high - range.low;
}

bool has_records(const Statistics& statistics, ThresholdNeeds needs) {
  return needs == ThresholdNeeds::histogram || statistics.origin.records.ranges;
}

std::vector<Candidate> candidates_of(const CalibrationPlan& plan, const std::vector<ValueId>& group,
                                     const Statistics& statistics, const ThresholdSelection& selection) {
  std::vector<Candidate> candidates;
  for (const ThresholdMethod& method : threshold_methods()) {
    if (!has_records(statistics, method.needs)) continue;
    const QuantizationRange range = group_range(plan, group, statistics, selection, &method);
    const bool known = std::any_of(candidates.begin(), candidates.end(), [&](const Candidate& other) {
      return other.choice.range.low == range.low && other.choice.range.high == range.high;
    });
    if (!known) candidates.push_back({{range, "auto: " + std::string(method.name)}});
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return width(a.choice.range) > width(b.choice.range);
  });
  return candidates;
}

/// Keeps chosen values of a run.
class Recorder final : public StepObserver {
 public:
  explicit Recorder(const std::set<ValueId>& wanted) {
    for (const ValueId id : wanted) record_[id];
  }
  void after_step(int, std::span<const ValueView> outputs) noexcept override {
    for (const ValueView& view : outputs)
      if (const auto it = record_.find(view.id); it != record_.end()) copy_to_floats(view, it->second);
  }
  const RecordedValues& record() const noexcept { return record_; }

 private:
  RecordedValues record_;
};

/// All contests of a network.
class Trials {
 public:
  Trials(const CalibrationPlan& plan, const Statistics& statistics, const ThresholdSelection& selection,
         const std::vector<ir::Annotation::Weights>& weights, int threads)
      : plan_(plan), threads_(threads) {
    for (std::size_t g = 0; g < plan.candidates.groups.size(); ++g) {
      const auto& group = plan.candidates.groups[g];
      if (!selection.of(group.front()).spec.automatic()) continue;
      contests_.push_back({g, group, {}, {}});
      wanted_.insert(group.begin(), group.end());
    }
    for_each_index(contests_.size(), threads, [&](std::size_t c) {
      Contest& contest = contests_[c];
      contest.candidates = candidates_of(plan, contest.values, statistics, selection);
      for (const NodeId id : plan.candidates.weighted)
        if (reads(plan.simplified.node(id), contest.values)) contest.readers.push_back(trial(id, weights));
    });
    for (const Contest& contest : contests_)
      for (const LayerTrial& reader : contest.readers)
        for (const ValueId value : reader.values()) wanted_.insert(value);
  }

  const std::set<ValueId>& wanted() const noexcept { return wanted_; }

  void judge(const RecordedValues& record) {
    for_each_index(contests_.size(), threads_, [&](std::size_t c) {
      for (Candidate& candidate : contests_[c].candidates)
        candidate.error += error(contests_[c], candidate, record);
    });
  }

  void choose(std::vector<ChosenRange>& chosen) const {
    for (const Contest& contest : contests_)
      // The first of equals, which is the widest.
      chosen[contest.group] =
          std::min_element(contest.candidates.begin(), contest.candidates.end(),
                           [](const Candidate& a, const Candidate& b) { return a.error < b.error; })
              ->choice;
  }

 private:
  static bool reads(const Node& node, const std::vector<ValueId>& group) {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId in) { return std::find(group.begin(), group.end(), in) != group.end(); });
  }

  LayerTrial trial(NodeId id, const std::vector<ir::Annotation::Weights>& weights) const {
    const Node& node = plan_.simplified.node(id);
    const auto limits = std::find_if(weights.begin(), weights.end(),
                                     [&](const ir::Annotation::Weights& w) { return w.layer == node.name; });
    return {plan_.simplified, node,
            limits == weights.end() ? std::vector<QuantizationRange>{} : limits->range, 1};
  }

  static double error(Contest& contest, const Candidate& candidate, const RecordedValues& record) {
    double sum = 0;
    const QuantizationRange& range = candidate.choice.range;
    for (LayerTrial& reader : contest.readers) sum += reader.error(record, contest.values, range);
    if (contest.readers.empty())
      for (const ValueId id : contest.values)
        sum += relative_error(record.at(id), rounded(record.at(id), range));
    return sum;
  }

  const CalibrationPlan& plan_;
  int threads_;
  std::vector<Contest> contests_;
  std::set<ValueId> wanted_;
};

}  // namespace

void choose_automatically(const CalibrationPlan& plan, const Statistics& statistics,
                          const ThresholdSelection& selection,
                          const std::vector<ir::Annotation::Weights>& weights, const SampleSource& samples,
                          int threads, std::vector<ChosenRange>& chosen) {
  Trials trials(plan, statistics, selection, weights, threads);
  std::vector<std::size_t> runs = held_back_runs(samples.runs);
  if (runs.empty()) {
    runs.resize(samples.runs);
    std::iota(runs.begin(), runs.end(), std::size_t{0});
  }
  CompileOptions compile = default_options();
  compile.int8 = false;
  Session network(Program::compile(plan.simplified, compile), threads);
  for (const std::size_t run : runs) {
    if (!samples.fill(network, run)) continue;
    Recorder recorder(trials.wanted());
    network.run(recorder);
    trials.judge(recorder.record());
  }
  trials.choose(chosen);
}

}  // namespace refcalib::engine
