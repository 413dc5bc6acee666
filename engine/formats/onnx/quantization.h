#pragma once

#include <cstddef>

#include "engine/formats/onnx/node_reader.h"

namespace refcalib::engine::onnx {

// Quantized numbers, in the words that QuantizeLinear, DequantizeLinear and the QLinear operators share.

/// Scale and zero point that are constant inputs of a node; `axis`: of the channels if there are several; `type` counts
/// where the zero point is left out.
TensorQuantization quantization_of(const NodeReader& reader, std::size_t scale, std::size_t zero_point,
                                   std::int64_t axis, DType type);

/// The smallest and the largest number that the integers of one scale can stand for.
QuantizationRange representable_range(const TensorQuantization& q);

/// The real numbers of a quantized input: those in front of an earlier quantization of equal parameters, a layer over a
/// constant's integers, or a computation. `suffix` names helper layers.
ValueId dequantized(NodeReader& reader, std::size_t rank, const TensorQuantization& q,
                    std::string_view suffix);

/// x rounded to what the integers can represent, as output 0 of the node, which carries the quantization.
void set_quantized(NodeReader& reader, ValueId x, const TensorQuantization& q);

}  // namespace refcalib::engine::onnx
