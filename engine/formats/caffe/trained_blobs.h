#pragma once

#include <vector>

#include "engine/formats/caffe/caffe_layer.h"
#include "engine/formats/caffe/net.pb.h"
#include "engine/formats/caffe/weights_file.h"

namespace refcalib::engine::caffe {

/// The blobs that training left behind for a layer; none for types that have no weights. Throws FormatError or IoError naming the layer.
std::vector<TrainedBlob> trained_blobs(const proto::LayerParameter& layer, const Weights& weights);

}  // namespace refcalib::engine::caffe
