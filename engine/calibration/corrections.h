#pragma once

#include <refcalib/statistics.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "engine/calibration/options.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/samples.h"
#include "engine/formats/ir/ir.h"

namespace refcalib::engine {

/// What a correction sees and changes: an annotation whose ranges are decided.
struct CalibrationState {
  const Graph& original;         ///< as the file has it
  const CalibrationPlan& plan;   ///< its simplified form, what runs in integers
  const Statistics& statistics;  ///< of the values of the simplified form, by name
  const CalibrationOptions& options;
  const SampleSource* samples;  ///< nullptr: there is no data but the statistics
  ir::Annotation& annotation;
};

/// One way to make up for what quantization does. A new one is a file of its own and a row in the table.
struct Correction {
  std::string_view name;  ///< for reports
  bool needs_samples;     ///< it runs the network on data, and is left out if there is none
  bool (*enabled)(const CalibrationOptions& options);
  void (*run)(CalibrationState& state);
};

/// All corrections in the order in which they run, after the ranges were decided.
std::span<const Correction> corrections();

/// Runs those that the options enable. Returns the names of those that were left out for want of data.
std::vector<std::string> run_corrections(CalibrationState& state);

}  // namespace refcalib::engine
