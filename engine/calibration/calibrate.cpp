#include "engine/calibration/calibrate.h"

#include "engine/calibration/collect.h"
#include "engine/calibration/threshold_choice.h"
#include "engine/calibration/weight_ranges.h"

namespace refcalib::engine {

std::string default_method() {
  return "mse";
}

CalibrationResult calibrate(const Graph& graph, const SampleSource& samples,
                            const CalibrationOptions& options, const Progress& progress) {
  const CalibrationPlan plan = plan_calibration(graph, options);
  // Wrong options are found before minutes of work.
  const ThresholdSelection selection(options, graph, plan.simplified);
  static_cast<void>(WeightSelection(options));
  CollectOptions collecting;
  collecting.threads = options.threads;
  collecting.max_memory = options.max_memory;
  collecting.records = selection.records();
  const SampleSource seen = selection.automatic()
                                ? some_runs(samples, other_runs(samples.runs, held_back_runs(samples.runs)))
                                : samples;
  const Collected collected = collect(graph, seen, collecting, progress);
  if (collected.not_finite) check_finite(plan, collected.statistics, seen.name_of(*collected.not_finite));
  CalibrationResult result = decide(graph, plan, collected.statistics, options, &samples);
  result.collect_seconds = collected.seconds;
  result.collect_passes = collected.passes;
  return result;
}

CalibrationResult calibrate(const Graph& graph, std::size_t samples, const FillInputs& fill,
                            const CalibrationOptions& options, const Progress& progress) {
  return calibrate(graph, SampleSource{samples, fill, {}}, options, progress);
}

}  // namespace refcalib::engine
