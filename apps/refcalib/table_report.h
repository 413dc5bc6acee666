#pragma once

#include "apps/refcalib/report.h"
#include "engine/calibration/table_calibration.h"
#include "engine/formats/tables/table_formats.h"

namespace refcalib::app {

/// What was read of a table, and what of it found no place in the network or left layers in float.
void report_table(Report& report, const engine::tables::ReadTable& read,
                  const engine::TableCalibration& calibration);

}  // namespace refcalib::app
