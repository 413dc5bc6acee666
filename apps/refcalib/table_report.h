#pragma once

#include "apps/refcalib/options.h"
#include "apps/refcalib/report.h"
#include "engine/calibration/table_calibration.h"
#include "engine/formats/tables/table_formats.h"

namespace refcalib::app {

/// Reads a table for a network, whose values it calls by their names afterwards. `format`: as for read_table.
engine::tables::ReadTable read_table_for(const ModelOptions& model, const std::string& file,
                                         const std::string& format = {});
/// The other way round: the table by the names that the tool gives to the places of the network.
engine::tables::CalibrationTable named_for(const engine::tables::TableFormat& format,
                                           const ModelOptions& model, engine::tables::CalibrationTable table);

/// What was read of a table, and what of it found no place in the network or left layers in float.
void report_table(Report& report, const engine::tables::ReadTable& read,
                  const engine::TableCalibration& calibration);

}  // namespace refcalib::app
