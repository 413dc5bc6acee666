#pragma once

#include <cstddef>

#include "engine/calibration/decide.h"
#include "engine/calibration/options.h"
#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Collects statistics of the samples and decides limits from them: plan_calibration, collect, check_finite, decide in one call. Streams:
/// memory does not grow with the size of the samples. The result does not depend on the order of the samples, the number of threads or
/// the instruction set.
/// Throws UsageError if no sample could be used, nothing in the graph can be quantized or an option has an unknown value; FormatError
/// naming layer and first sample if a value is not finite; Cancelled if the progress callback returned false; what `fill` throws.
CalibrationResult calibrate(const Graph& graph, const SampleSource& samples,
                            const CalibrationOptions& options = {}, const Progress& progress = {});

/// The same with samples 0 to `samples` - 1 filled in by a callback.
CalibrationResult calibrate(const Graph& graph, std::size_t samples, const FillInputs& fill,
                            const CalibrationOptions& options = {}, const Progress& progress = {});

}  // namespace refcalib::engine
