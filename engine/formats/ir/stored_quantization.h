#pragma once

#include "engine/formats/ir/document.h"
#include "engine/graph/graph.h"

namespace refcalib::engine::ir {

/// Sets PrecisionHint::keep_float on nodes whose layer has quantization_level FP32 or FP16. In a model that
/// carries calibration data, a FullyConnected without an integer level stays in float too, as the 2019 engine
/// had it.
void apply_precision_hints(const Document& document, Graph& graph);

/// Sets Value::quantization from what a legacy model stores: from `<refcalib>` if present, else from
/// `<statistics>`. Does nothing for models without either. Throws FormatError naming the layer for limits
/// that cannot be executed.
void apply_stored_quantization(const Document& document, Graph& graph);

/// From `<statistics>` alone: symmetric parameters for the values that reach a convolution or a quantized
/// matrix product through pooling, ReLU, concatenation or sums. u8 with zero point 0 if no channel minimum is
/// negative, else zero point 128 and scale max|x| / 127; one scale per tensor, or one per channel where only
/// depthwise convolutions read the value.
void apply_statistics(const Document& document, Graph& graph);

}  // namespace refcalib::engine::ir
