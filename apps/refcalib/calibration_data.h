#pragma once

#include <string>

#include "apps/refcalib/options.h"
#include "engine/calibration/samples.h"
#include "engine/evaluation/dataset.h"

namespace refcalib::app {

/// The data as calibration takes it; `dataset` must outlive the source.
engine::SampleSource sample_source(engine::Dataset& dataset);

/// What an option for input data needs to be used by calibration: the samples counted, and "N samples (M skipped)".
std::string samples_text(const engine::Dataset& dataset);

}  // namespace refcalib::app
