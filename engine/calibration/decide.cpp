#include "engine/calibration/decide.h"

#include <algorithm>
#include <chrono>

#include "engine/calibration/activation_ranges.h"
#include "engine/calibration/automatic_ranges.h"
#include "engine/calibration/corrections.h"
#include "engine/calibration/threshold_choice.h"
#include "engine/calibration/weight_ranges.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

/// Samples that the range of a group hangs on: those of the member that most reach it.
std::optional<std::size_t> reached_by(const CalibrationPlan& plan, const std::vector<ValueId>& group,
                                      const Statistics& statistics, const QuantizationRange& range) {
  if (!statistics.origin.records.ranges) return std::nullopt;
  std::size_t most = 0;
  for (const ValueId id : group)
    most = std::max(
        most, samples_that_reach(range, statistics.values.at(plan.simplified.value(id).name).sample_ranges));
  return most;
}

void annotate_activations(const Graph& original, const CalibrationPlan& plan, const Statistics& statistics,
                          const std::vector<ChosenRange>& chosen, CalibrationResult& result) {
  for (std::size_t g = 0; g < chosen.size(); ++g) {
    const QuantizationRange& range = chosen[g].range;
    const auto reached = reached_by(plan, plan.candidates.groups[g], statistics, range);
    for (const ValueId id : plan.candidates.groups[g]) {
      const std::string& name = plan.simplified.value(id).name;
      // Values that a pass made are not in the file; they share the range of one that is.
      if (original.find_value(name) == kNone) continue;
      const ValueStatistics& seen = statistics.values.at(name);
      ir::Annotation::Activation activation{name, {range}, 256, {}, {}};
      if (seen.channel_axis == 1) {
        activation.channel_min = seen.channel_min;
        activation.channel_max = seen.channel_max;
      }
      result.annotation.activations.push_back(std::move(activation));
      const Range all = seen.histogram.range();
      ValueReport report;
      report.value = name;
      report.observed_min = all.min;
      report.observed_max = all.max;
      report.range = range;
      report.nan_count = seen.histogram.nan_count();
      report.inf_count = seen.histogram.inf_count();
      report.reached_by = reached;
      report.method = chosen[g].method;
      report.channel_axis = seen.channel_axis;
      report.channel_min = seen.channel_min;
      report.channel_max = seen.channel_max;
      report.channel_deviation = seen.channel_deviations();
      result.values.push_back(std::move(report));
    }
  }
}

void annotate_weights(const Graph& original, const CalibrationPlan& plan, const CalibrationOptions& options,
                      ir::Annotation& annotation) {
  const WeightSelection selection(options);
  for (const NodeId id : plan.candidates.weighted) {
    const std::string& name = plan.simplified.node(id).name;
    const Node* const node = source_layer(original, name);
    if (node == nullptr) continue;
    annotation.weights.push_back(
        {name, selection.ranges(original, *node, *source_weights(original, *node)), 255, {}});
  }
}

}  // namespace

CalibrationResult decide(const Graph& original, const CalibrationPlan& plan, const Statistics& statistics,
                         const CalibrationOptions& options, const SampleSource* samples) {
  const auto start = std::chrono::steady_clock::now();
  const ThresholdSelection selection(options, original, plan.simplified);
  selection.require_records(statistics.origin.records);
  CalibrationResult result;
  result.samples = statistics.sample_count;
  result.annotation.keep_float = plan.keep_float;
  annotate_weights(original, plan, options, result.annotation);
  std::vector<ChosenRange> chosen = activation_ranges(plan, statistics, selection, options.threads);
  if (selection.automatic() && samples != nullptr)
    choose_automatically(plan, statistics, selection, result.annotation.weights, *samples, options.threads,
                         chosen);
  annotate_activations(original, plan, statistics, chosen, result);
  result.convergence = convergence(statistics);
  CalibrationState state{original, plan, statistics, options, samples, result.annotation};
  result.left_out = run_corrections(state);
  if (selection.automatic() && samples == nullptr)
    result.left_out.insert(result.left_out.begin(), "choosing methods by trying ('auto')");
  result.search_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

void check_finite(const CalibrationPlan& plan, const Statistics& statistics, const std::string& sample) {
  std::vector<ValueId> values;
  for (const auto& group : plan.candidates.groups) values.insert(values.end(), group.begin(), group.end());
  std::sort(values.begin(), values.end());
  for (const ValueId id : values) {
    const std::string& name = plan.simplified.value(id).name;
    const auto seen = statistics.values.find(name);
    if (seen == statistics.values.end()) continue;
    const Histogram& histogram = seen->second.histogram;
    if (histogram.nan_count() == 0 && histogram.inf_count() == 0) continue;
    throw FormatError("computes " + std::to_string(histogram.nan_count()) + " NaN and " +
                          std::to_string(histogram.inf_count()) + " infinite values on the calibration data" +
                          (sample.empty() ? "" : ", first for " + sample),
                      {{}, name, "check the preprocessing, or leave the layer in float"});
  }
}

}  // namespace refcalib::engine
