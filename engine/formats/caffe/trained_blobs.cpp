#include "engine/formats/caffe/trained_blobs.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/core/error_context.h"

namespace refcalib::engine::caffe {
namespace {

/// Whether training leaves numbers behind in the layer.
bool has_blobs(const proto::LayerParameter& layer) {
  constexpr std::array<std::string_view, 9> types = {"Convolution",
                                                     "ConvolutionDepthwise",
                                                     "DepthwiseConvolution",
                                                     "Deconvolution",
                                                     "InnerProduct",
                                                     "BatchNorm",
                                                     "BN",
                                                     "PReLU",
                                                     "Normalize"};
  if (layer.type() == "Scale") return layer.bottom_size() == 1 || layer.scale_param().bias_term();
  if (layer.type() == "Bias") return layer.bottom_size() == 1;
  return std::find(types.begin(), types.end(), layer.type()) != types.end();
}

}  // namespace

std::vector<TrainedBlob> trained_blobs(const proto::LayerParameter& layer, const Weights& weights) {
  return in_context({"", layer.name(), ""}, [&] {
    std::vector<TrainedBlob> result;
    if (!has_blobs(layer)) return result;
    for (const proto::BlobProto* blob : weights.blobs(layer.name()))
      result.push_back({blob_shape(*blob), blob_values(*blob)});
    return result;
  });
}

}  // namespace refcalib::engine::caffe
