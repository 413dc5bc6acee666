#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "engine/formats/ir/reshape.h"

namespace refcalib::engine::onnx {

/// Values that need a range beside those of the annotation, so that other runtimes run the annotated convolutions on
/// integers: what each convolution gives, behind a Relu or Clip that is its only reader.
std::vector<std::string> values_without_range(const std::filesystem::path& source,
                                              const ir::InputShapes& shapes,
                                              const ir::Annotation& annotation);

/// Writes a copy of an ONNX model (operator set 13 to 21) in the QDQ format: a QuantizeLinear and a DequantizeLinear to u8 behind every
/// annotated value, weights as s8 with a scale per output channel behind a DequantizeLinear, biases of annotated layers as i32 at the scale
/// of the products. Batch normalization is folded into convolutions. Everything else of the file is kept.
/// Throws UnsupportedError for older operator sets and for models that are quantized already, UsageError for an annotation that does not
/// fit, IoError.
void write_quantized(const std::filesystem::path& source, const ir::InputShapes& shapes,
                     const ir::Annotation& annotation, const std::filesystem::path& target);

}  // namespace refcalib::engine::onnx
