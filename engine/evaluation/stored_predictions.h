#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "engine/evaluation/annotation/annotation_file.h"
#include "engine/evaluation/evaluate.h"

namespace refcalib::engine {

/// Writes raw predictions as JSON, one sample a line. Numbers read back are the same bits. Throws IoError.
void write_predictions(const std::filesystem::path& path, const AnnotationSet& annotations,
                       const std::vector<std::optional<StoredPrediction>>& predictions);

/// Throws IoError, FormatError; UsageError if the file is of other samples.
std::vector<std::optional<StoredPrediction>> read_predictions(const std::filesystem::path& path,
                                                              const AnnotationSet& annotations);

}  // namespace refcalib::engine
