#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/formats/caffe/caffe_layer.h"
#include "engine/formats/caffe/topology.h"
#include "engine/formats/caffe/weights_file.h"

namespace refcalib::engine::caffe {

/// What a BatchNorm, BN, Scale or Bias with blobs of its own does to each of `channels` channels. `blob`: its blobs by rank, of one or
/// `channels` numbers. BatchNorm: mean and variance are blobs 0 and 1 divided by blob 2, y = (x - mean) / sqrt(variance + eps).
/// Throws FormatError, or UnsupportedError for a BatchNorm that normalizes by the statistics of the batch.
ChannelScale channel_scale(const proto::LayerParameter& parameter, std::int64_t channels,
                           const std::function<std::vector<float>(std::size_t)>& blob);

/// Layers that disappear in the weights of the layer in front of them.
struct Folding {
  std::map<std::size_t, ChannelScale> scales;  ///< by the layer with weights
  std::map<std::size_t, std::size_t> into;     ///< folded layer -> layer with weights
};

/// Chains of BatchNorm, Scale and Bias that alone read a Convolution, Deconvolution or InnerProduct. `blobs` gives those of a layer.
Folding fold_channel_scales(const Topology& topology, const Plan& plan,
                            const std::function<std::vector<TrainedBlob>(std::size_t)>& blobs);

}  // namespace refcalib::engine::caffe
