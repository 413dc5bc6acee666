#pragma once

#include <refcalib/statistics.hpp>
#include <vector>

#include "engine/calibration/activation_ranges.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/samples.h"
#include "engine/calibration/threshold_choice.h"
#include "engine/formats/ir/ir.h"

namespace refcalib::engine {

/// Chooses by trying: for every group of values whose method is `auto`, the range of that method of the threshold table with which the
/// outputs of the layers with weights that read the group come closest to FP32 on held-back runs (held_back_runs; all if there are none
/// such). The error of a layer's output is taken as a part of its square and added over runs and layers; a group that no such layer
/// reads is judged by its own values. Of equally close ranges the widest is taken. Methods that need records which the statistics do
/// not have are left out. `weights`: the limits of weights that the layers run with. `chosen`: one for each group of the plan; those of
/// the groups in question are replaced.
void choose_automatically(const CalibrationPlan& plan, const Statistics& statistics,
                          const ThresholdSelection& selection,
                          const std::vector<ir::Annotation::Weights>& weights, const SampleSource& samples,
                          int threads, std::vector<ChosenRange>& chosen);

}  // namespace refcalib::engine
