#include "engine/calibration/observe_values.h"

#include <algorithm>
#include <refcalib/params.hpp>
#include <refcalib/threshold.hpp>

#include "engine/calibration/range_observer.h"
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
  RangeObserver observer(*program, watched);
  Session session(program, 1);
  for (std::size_t index = 0; index < samples; ++index)
    if (fill(session, index)) session.run(observer);
  if (observer.not_finite() > 0)
    throw FormatError("computes values that are not finite on the calibration data");
  const ThresholdMethod& method = find_threshold_method(options.method);
  const Scheme scheme = options.activations == "symmetric" ? Scheme::symmetric : Scheme::asymmetric;
  std::vector<ir::Annotation::Activation> result;
  for (const ValueId id : watched) {
    const ObservedValue& seen = observer.values().at(id);
    const Range range = representable_range(choose_params(seen.histogram, kUint8, scheme, method));
    result.push_back({observed.value(id).name, {{range.min, range.max}}, 256, {}, {}});
  }
  return result;
}

}  // namespace refcalib::engine
