#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/reshape.h"
#include "engine/formats/onnx/tensor.h"

namespace refcalib::engine::onnx {

/// A model as a document, and the names of its tensors by the values that hold them. Several tensors may share a value.
struct Translation {
  ir::Document document;
  std::map<std::string, std::vector<std::string>> tensors;
};

/// Translates the nodes that lead to the outputs. `file`: where external data lies, and for messages. Throws as read_document.
Translation translate(const proto::ModelProto& model, const std::filesystem::path& file,
                      const ir::InputShapes& shapes, TensorReader& constants);

}  // namespace refcalib::engine::onnx
