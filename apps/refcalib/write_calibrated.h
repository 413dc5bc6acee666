#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apps/refcalib/options.h"
#include "engine/calibration/options.h"
#include "engine/calibration/samples.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"

namespace refcalib::app {

/// The file to write for a model: `output` if it names one, else <model><suffix> in its format, in the folder `output` or, if that is empty, the
/// model's own. Its folder is made and tried now, not after minutes of calibration. Throws IoError, and UsageError for the model itself.
std::filesystem::path prepare_output(const std::string& model, const std::string& output,
                                     const std::string& suffix = "_i8");

/// Values that the format of `output` needs limits of beside those of the annotation.
std::vector<std::string> values_without_range(const engine::Model& model, const ModelOptions& options,
                                              const engine::ir::Annotation& annotation,
                                              const std::filesystem::path& output);

/// Writes the calibrated model in the format of the output's extension.
void write_calibrated(const engine::Model& model, const ModelOptions& options,
                      const engine::ir::Annotation& annotation, bool float_weights,
                      const std::filesystem::path& output);

/// The same; values that the format needs limits of beside those of the annotation are observed on `samples`. Throws UsageError if that
/// is nullptr and there are any.
void write_observed(const engine::Model& model, const ModelOptions& model_options,
                    engine::ir::Annotation annotation, const engine::CalibrationOptions& options,
                    const engine::SampleSource* samples, bool float_weights,
                    const std::filesystem::path& output);

}  // namespace refcalib::app
