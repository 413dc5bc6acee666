#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/formats/ir/ir.h"

namespace refcalib::engine::caffe {

/// Names of layers whose outputs have no range in the annotation; a calibration table has thresholds of all of them.
std::vector<std::string> values_without_range(const ir::Document& document, const ir::Annotation& annotation);

/// Writes a calibrated Caffe model as BMNet takes them: STEM.prototxt, STEM.caffemodel, and the calibration table as STEM.calibration_table
/// (text) and STEM.calibration_table.pb2 (binary), where STEM is `target` without its extension.
///   threshold     of a value: the larger magnitude of its limits; one in front of a ReLU takes the ReLU's, as integers of both are the same
///   shift m       of a layer with weights w, input threshold tx and output threshold ty: the one with 64 <= max |w| tx / ty 2^m < 128
///   weights       floor(w tx / ty 2^m + 1/2) in [-128, 127]
///   biases        floor(b 128 / ty 2^m + 1/2) in 16 bits; m is smaller where they would not fit
/// BatchNorm, Scale and Bias are folded into the weights first. Layers that the annotation does not quantize, and those whose weights need
/// a negative shift, keep floats and have no shift in the table. `document` is what read_document gave. Throws IoError, or as it does.
void write_quantized(const ir::Document& document, const ir::Annotation& annotation,
                     const std::filesystem::path& target);

}  // namespace refcalib::engine::caffe
