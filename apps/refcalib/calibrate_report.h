#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "apps/refcalib/options.h"
#include "apps/refcalib/report.h"
#include "engine/calibration/calibrate.h"
#include "engine/evaluation/dataset.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"

namespace refcalib::app {

/// What a calibration did and what it is worth, read back from the file that it wrote.
class CalibrationReport {
 public:
  /// Loads and compiles the written model.
  CalibrationReport(Report& report, const engine::CalibrationResult& result, std::filesystem::path written,
                    const ModelOptions& model);

  /// `how` (samples and methods), layers in INT8, how far the limits can be trusted, files, times.
  void print(const std::string& how) const;
  /// One row for each layer: precision and why, observed and chosen limits; printed, and as .csv into `file`
  /// unless it is empty. Throws IoError.
  void print_layers(bool print, const std::string& file) const;
  /// Answers of the written model against those of `original` in FP32 on the same samples, and the times of
  /// both, taken in turns.
  void print_measurements(const engine::Model& original, engine::Dataset& dataset) const;

 private:
  void print_trust() const;

  Report& report_;
  const engine::CalibrationResult& result_;
  std::filesystem::path written_;
  int threads_;
  std::shared_ptr<const engine::Program> program_;
};

}  // namespace refcalib::app
