#pragma once

#include "apps/refcalib/calibrate_options.h"
#include "apps/refcalib/command.h"

namespace refcalib::app {

/// Standard mode: evaluates a configuration in FP32 and INT8 and looks for the fastest network whose metric drops by less than the
/// threshold. Writes the best network found; Exit::missed if it misses the threshold. Options that the configuration decides are put into
/// `o`.
Exit run_standard(CalibrateOptions& o, Report& report);

}  // namespace refcalib::app
