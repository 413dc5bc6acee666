#pragma once

#include <string>
#include <vector>

#include "engine/calibration/calibrate.h"

namespace refcalib::engine {

/// Ranges of named values of a graph in float, chosen by the method and scheme of the options: for formats that need more ranges than
/// calibrate() gives, which leaves out what INT8 execution here does not store. Runs all samples once, on one thread. The result is
/// in the order of `values`; values that the network does not compute are left out. Throws as calibrate().
std::vector<ir::Annotation::Activation> observe_values(const Graph& graph,
                                                       const std::vector<std::string>& values,
                                                       std::size_t samples, const FillInputs& fill,
                                                       const CalibrationOptions& options);

}  // namespace refcalib::engine
