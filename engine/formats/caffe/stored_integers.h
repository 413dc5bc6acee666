#pragma once

#include <optional>
#include <vector>

#include "engine/formats/caffe/caffe_layer.h"
#include "engine/formats/caffe/calibration_table.h"

namespace refcalib::engine::caffe {

/// Whether the weights of a layer are integers of a calibrated model: the table has a shift for it, and its first blob holds nothing but
/// whole numbers from -128 to 127. Gives what they stand for: weight = integer * ty / tx / 2^m, bias = integer * ty / 128 / 2^m, with
/// the thresholds tx of the input and ty of the output. Nothing otherwise, and where a threshold is missing.
std::optional<StoredIntegers> stored_integers(const LayerThresholds* entry,
                                              std::optional<float> input_threshold,
                                              const std::vector<TrainedBlob>& blobs);

}  // namespace refcalib::engine::caffe
