#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/formats/ir/document.h"
#include "engine/formats/ir/reshape.h"
#include "engine/formats/tables/node_names.h"

namespace refcalib::engine::onnx {

/// Reads an ONNX model (operator sets 7 to 21) as a document of the Intermediate Representation v11: layers carry the names of the
/// tensors that they give, constants and shape sub-graphs are folded, batch normalization is folded into the weights in front of it,
/// and quantized models (QuantizeLinear and DequantizeLinear, or QLinear operators) become FakeQuantize layers and weights in i8.
/// Tensors of 16 and 64 bits of floating point are widened or narrowed to FP32.
/// `shapes`: shapes of the inputs. An unknown first dimension is a batch of 1 otherwise; other unknown dimensions must be given.
/// `weights` must be empty: an ONNX file names its external data itself.
/// Throws IoError, FormatError, UnsupportedError or UsageError naming the file, and where there is one the node.
ir::Document read_document(const std::filesystem::path& path, const std::filesystem::path& weights = {},
                           const ir::InputShapes& shapes = {});

/// The names of the nodes of a file, by the tensors that they give. Throws as read_document for a file that is none.
std::vector<tables::NodeName> node_names(const std::filesystem::path& path);

/// An operator that is read.
struct SupportedOperator {
  std::string type;      ///< with its domain, if that is not the standard's
  std::string versions;  ///< operator sets from which on its meanings hold: "7, 11"
  std::string integers;  ///< of quantized numbers: "moved", "read", or empty
};

/// What the tables of operators state, by name.
std::vector<SupportedOperator> supported_operators();

}  // namespace refcalib::engine::onnx
