#include "engine/calibration/observe_values.h"

#include <map>
#include <refcalib/statistics.hpp>

#include "engine/calibration/range_observer.h"
#include "engine/calibration/threshold_choice.h"
#include "engine/core/error.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {

std::vector<ir::Annotation::Activation> observe_values(const Graph& graph,
                                                       const std::vector<std::string>& values,
                                                       std::size_t samples, const FillInputs& fill,
                                                       const CalibrationOptions& options) {
  Graph observed = graph;
  drop_quantization(observed);
  std::vector<ValueId> watched;
  for (const std::string& name : values) {
    const ValueId id = observed.find_value(name);
    if (id == kNone || observed.value(id).constant || observed.producer(id) == nullptr) continue;
    watched.push_back(id);
    // What is an output no pass fuses into another value.
    if (!observed.is_output(id)) observed.outputs.push_back(id);
  }
  if (watched.empty()) return {};
  run_passes(observed, simplification_passes());
  CompileOptions compile = default_options();
  compile.int8 = false;
  const auto program = Program::compile(observed, compile);
  const ThresholdSelection selection(options, graph, observed);
  RangeObserver observer(*program, watched, 1, selection.records());
  Session session(program, 1);
  for (std::size_t index = 0; index < samples; ++index) {
    if (!fill(session, index).any()) continue;
    observer.begin({true});
    session.run(observer);
  }
  if (observer.not_finite() > 0)
    throw FormatError("computes values that are not finite on the calibration data");
  const std::map<std::string, ValueStatistics> seen = observer.take();
  std::vector<ir::Annotation::Activation> result;
  for (const ValueId id : watched) {
    const std::string& name = observed.value(id).name;
    const ThresholdChoice& choice = selection.of(id);
    result.push_back({name, {choice.range(seen.at(name), choice.method())}, 256, {}, {}});
  }
  return result;
}

}  // namespace refcalib::engine
