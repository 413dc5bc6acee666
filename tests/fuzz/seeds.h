#pragma once

#include <filesystem>
#include <vector>

#include "tests/fuzz/model_files.h"

namespace refcalib_fuzz {

/// The valid models that cases are mutated from: the embedded example, the hand-written ones of tests/fuzz/seeds
/// and, if `shared` is a folder, small real networks of every IR generation. `sources` is the root of the source
/// tree. Throws std::runtime_error if a model of the source tree cannot be read.
std::vector<ModelFiles> load_seeds(const std::filesystem::path& sources, const std::filesystem::path& shared);

/// The ONNX models: those of the tests of operators and of quantized models, and small real networks. Only where the reader was built.
std::vector<ModelFiles> load_onnx_seeds(const std::filesystem::path& shared);

/// Small Caffe networks of every kind of layer. Only where the reader was built.
std::vector<ModelFiles> load_caffe_seeds();

/// The bytes that a `.weights` file describes. One piece per line, in the order of the file; `#` starts a comment:
///   f32 random COUNT HIGH     floats uniform in [-HIGH, HIGH)
///   f16 random COUNT HIGH     the same as IEEE halves
///   f32|f16|i32|i64 VALUE...  the values as they stand
/// Throws std::runtime_error naming the line.
std::string weights_from_text(const std::string& text);

}  // namespace refcalib_fuzz
