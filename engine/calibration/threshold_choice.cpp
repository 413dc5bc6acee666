#include "engine/calibration/threshold_choice.h"

#include <refcalib/params.hpp>
#include <stdexcept>

#include "engine/core/error.h"

namespace refcalib::engine {

QuantizationRange ThresholdChoice::range(const ValueStatistics& seen) const {
  const Range range = representable_range(choose_params(seen.histogram, kUint8, scheme, *method, options));
  return {range.min, range.max};
}

ThresholdSelection::ThresholdSelection(const CalibrationOptions& options) {
  try {
    common_.method = &find_threshold_method(options.method);
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  if (options.activations != "symmetric" && options.activations != "asymmetric")
    throw UsageError("unknown activation scheme '" + options.activations + "'; known: symmetric, asymmetric");
  common_.scheme = options.activations == "symmetric" ? Scheme::symmetric : Scheme::asymmetric;
}

const ThresholdChoice& ThresholdSelection::of(const Graph&, ValueId) const {
  return common_;
}

}  // namespace refcalib::engine
