#pragma once

#include <refcalib/statistics.hpp>
#include <vector>

#include "engine/calibration/plan.h"
#include "engine/calibration/threshold_choice.h"

namespace refcalib::engine {

/// One range for each group of values that share one: the smallest that contains those of its members. Throws FormatError naming a
/// value that the statistics do not have.
std::vector<QuantizationRange> activation_ranges(const CalibrationPlan& plan, const Statistics& statistics,
                                                 const ThresholdSelection& selection, int threads);

}  // namespace refcalib::engine
