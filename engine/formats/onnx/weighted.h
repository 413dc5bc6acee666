#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/formats/onnx/node_reader.h"

namespace refcalib::engine::onnx {

// Layers with weights, in the words that float and QLinear operators share.

/// What the matrix, or whatever is in front of a bias, is called.
inline constexpr const char* kWithoutBiases = "WithoutBiases";

/// The attributes of windows in the IR's words, for `rank` spatial dimensions.
ir::AttributeTexts window_texts(const NodeReader& reader, std::size_t rank, bool dilations);

/// A convolution of x with weights [M, C / group, k…] and a bias [M] (kNone: none). The result is not yet bound to an output;
/// `named`: it bears the node's name.
ValueId convolution(NodeReader& reader, ValueId x, ValueId weights, ValueId bias, bool named);

/// A matrix product; the operands may be transposed.
ValueId product(NodeReader& reader, ValueId a, ValueId b, bool transpose_a, bool transpose_b, bool named);

/// A layer of the node's own name, or a helper of another.
ValueId layer(NodeReader& reader, ir::OpsetType type, const char* suffix, ir::AttributeTexts attributes,
              std::vector<ValueId> inputs, bool named);

}  // namespace refcalib::engine::onnx
