#pragma once

#include <functional>
#include <map>
#include <string>

#include "engine/calibration/output_comparison.h"
#include "engine/calibration/plan.h"
#include "engine/formats/ir/ir.h"

namespace refcalib::engine {

/// What the limits of a value are multiplied by, by the value's name; those that stay are left out.
using LimitFactors = std::map<std::string, double, std::less<>>;

/// Widens and narrows the limits of one value after another, those that share limits together, as long as the outputs of the network on the
/// comparison's samples gain measurably (gains()): what a method finds best for a tensor by itself need not be best for the answer, to which
/// its large and its small values matter unequally. Zero stays an integer, since limits are only scaled.
/// `graph`: as the file has it or corrected; `plan`: of it; `step`: by which limits are scaled, above 1. `between` is called in front of
/// each group and may throw to stop. Changes the annotation.
LimitFactors refine_limits(const Graph& graph, const CalibrationPlan& plan,
                           const OutputComparison& comparison, double step, ir::Annotation& annotation,
                           const std::function<void()>& between = {});

/// Scales the limits of an annotation.
void scale_limits(const LimitFactors& factors, ir::Annotation& annotation);

}  // namespace refcalib::engine
