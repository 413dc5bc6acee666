#pragma once

#include <refcalib/statistics.hpp>
#include <string>
#include <vector>

#include "engine/calibration/plan.h"
#include "engine/calibration/threshold_choice.h"

namespace refcalib::engine {

/// A range and the method that it came from; of a group whose members have several, that of the first.
struct ChosenRange {
  QuantizationRange range;
  std::string method;
};

/// The range that the values of a group share: the smallest that contains those of its members. `method`: takes the place of that of
/// the members' choices, if it is not nullptr. Throws FormatError naming a value that the statistics do not have; UsageError if the
/// method needs records of single samples that they do not keep.
QuantizationRange group_range(const CalibrationPlan& plan, const std::vector<ValueId>& group,
                              const Statistics& statistics, const ThresholdSelection& selection,
                              const ThresholdMethod* method = nullptr);

/// One range for each group of values that share one. Values whose method is to be found by trying get the default method. Throws as
/// group_range.
std::vector<ChosenRange> activation_ranges(const CalibrationPlan& plan, const Statistics& statistics,
                                           const ThresholdSelection& selection, int threads);

}  // namespace refcalib::engine
