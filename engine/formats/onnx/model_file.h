#pragma once

#include <filesystem>
#include <memory>

#include "engine/formats/onnx/onnx.pb.h"

namespace refcalib::engine::onnx {

/// Parses an ONNX file and checks that it holds a graph and an operator set. Throws IoError, FormatError or UnsupportedError.
std::shared_ptr<proto::ModelProto> read_model_file(const std::filesystem::path& path);

/// The version of the standard operator set; 0 if the model imports none.
int standard_opset(const proto::ModelProto& model);
/// The version of a domain's operator set; 1 for a domain that the model does not import.
int opset_of(const proto::ModelProto& model, std::string_view domain);

/// Operator sets that are read.
inline constexpr int kOldestOpset = 7, kNewestOpset = 21;

}  // namespace refcalib::engine::onnx
