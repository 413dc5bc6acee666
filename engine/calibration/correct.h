#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/calibration/calibrate.h"

namespace refcalib::engine {

/// calibrate() with the corrections that the options name, as far as they prove themselves: every fourth sample is held back, the network
/// is calibrated on the others without and with each correction, one after the other, and a correction is kept if the mean SQNR of the
/// network's outputs on the samples held back rises by more than the standard error of the difference. Of several degrees of equalization
/// the best is tried so. What was kept is then done with all samples. With fewer than 8 samples nothing
/// can be proved and nothing is kept.
/// `result.annotation` is in terms of `graph`: weights and biases of corrected layers are stated there. The result does not depend on the
/// number of threads or the instruction set; it depends on which samples are held back, that is, on their order.
/// Throws what calibrate() throws.
/// `statistics`: what was collected before, perhaps from more samples; limits of a network whose weights stay are decided from them.
CalibrationResult calibrate_and_correct(const Graph& graph, const SampleSource& samples,
                                        const CalibrationOptions& options, const Progress& progress = {},
                                        const Statistics* statistics = nullptr);

/// What the options ask for and calibrate_and_correct alone does, by names for reports: left out where limits are decided from statistics.
std::vector<std::string> proofs_left_out(const CalibrationOptions& options);

}  // namespace refcalib::engine
