#include "engine/calibration/calibrate.h"

#include "engine/calibration/collect.h"
#include "engine/calibration/threshold_choice.h"

namespace refcalib::engine {

std::string default_method() {
  return "mse";
}

CalibrationResult calibrate(const Graph& graph, const SampleSource& samples,
                            const CalibrationOptions& options, const Progress& progress) {
  // Wrong options are found before minutes of work.
  static_cast<void>(ThresholdSelection(options));
  const CalibrationPlan plan = plan_calibration(graph, options);
  CollectOptions collecting;
  collecting.threads = options.threads;
  const Collected collected = collect(graph, samples, collecting, progress);
  if (collected.not_finite) check_finite(plan, collected.statistics, samples.name_of(*collected.not_finite));
  CalibrationResult result = decide(graph, plan, collected.statistics, options, &samples);
  result.collect_seconds = collected.seconds;
  return result;
}

CalibrationResult calibrate(const Graph& graph, std::size_t samples, const FillInputs& fill,
                            const CalibrationOptions& options, const Progress& progress) {
  return calibrate(graph, SampleSource{samples, fill, {}}, options, progress);
}

}  // namespace refcalib::engine
