#pragma once

#include <cstddef>
#include <refcalib/statistics.hpp>
#include <string>
#include <vector>

#include "engine/calibration/decide.h"
#include "engine/calibration/options.h"
#include "engine/formats/tables/table.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What came of a table's limits.
struct TableCalibration {
  CalibrationResult result;            ///< annotation, values, and which corrections were left out
  std::vector<std::string> unmatched;  ///< names of the table that the network does not have
  std::vector<std::string>
      without_entry;  ///< layers with weights that stay in float because the table has nothing for them
};

/// Limits from another tool's table. An entry names a value, the layer that produces it, or (of the place `input`) a layer with weights
/// that reads it; what is fused into a value counts as that value where the table has no entry for it. Values that must share a
/// range get the widest. Symmetric limits keep their grid of +-127 steps, but for values without negatives, which get all 256 levels up to
/// the limit. Layers whose input has no entry stay in float; so do, if the table chooses layers by weights, those without an entry for their
/// weights. Weights without entry get limits by the options.
/// `seen`: statistics of `original`, from which corrections that the options enable follow; nullptr: there are none, corrections are left
/// out.
/// Throws UsageError if no name of the table is one of the network; FormatError for a number of weight limits that does not fit a layer.
TableCalibration calibrate_from_table(const Graph& original, const tables::CalibrationTable& table,
                                      const CalibrationOptions& options, const Statistics* seen = nullptr);

/// Limits for further values of the network, by their names in `original`; those without an entry are left out.
std::vector<ir::Annotation::Activation> table_limits(const Graph& original,
                                                     const tables::CalibrationTable& table,
                                                     const CalibrationOptions& options,
                                                     const std::vector<std::string>& values);

/// The limits that a calibrated network has, as a table: of each quantized value by the layer that produces it, of each layer in INT8 the
/// weights and, with the place `input`, what it reads. Empty for a network that is not calibrated.
tables::CalibrationTable table_of(const Graph& calibrated);

}  // namespace refcalib::engine
