#include <string>
#include <utility>
#include <vector>

#include "engine/formats/caffe/weights.pb.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/random.hpp"

namespace refcalib_fuzz {
namespace {

namespace proto = refcalib::engine::caffe::proto;

/// A layer's blobs: its name and the shape of each.
struct Trained {
  const char* layer;
  std::vector<std::vector<std::int64_t>> blobs;
};

struct Network {
  const char* name;
  const char* text;
  std::vector<Trained> trained;
};

const std::vector<Network>& networks() {
  static const std::vector<Network> list = {
      {"caffe_windows",
       R"(name: "windows"
input: "x"
input_shape { dim: 1 dim: 4 dim: 9 dim: 9 }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 8 kernel_size: 3 pad: 1 stride: 2 group: 2 } }
layer { name: "n" type: "BatchNorm" bottom: "c" top: "c" batch_norm_param { eps: 0.001 } }
layer { name: "s" type: "Scale" bottom: "c" top: "c" scale_param { bias_term: true } }
layer { name: "r" type: "ReLU" bottom: "c" top: "c" relu_param { negative_slope: 0.1 } }
layer { name: "p" type: "Pooling" bottom: "c" top: "p" pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 } }
layer { name: "l" type: "LRN" bottom: "p" top: "l" lrn_param { local_size: 3 alpha: 0.5 beta: 0.75 norm_region: WITHIN_CHANNEL } }
layer { name: "d" type: "Deconvolution" bottom: "l" top: "d" convolution_param { num_output: 8 kernel_size: 4 stride: 2 pad: 1 group: 8 bias_term: false } }
layer { name: "k" type: "Crop" bottom: "d" bottom: "c" top: "k" crop_param { axis: 2 offset: 1 } }
layer { name: "e" type: "Eltwise" bottom: "k" bottom: "c" top: "e" eltwise_param { operation: SUM coeff: 1 coeff: -0.5 } }
layer { name: "q" type: "PReLU" bottom: "e" top: "q" }
layer { name: "f" type: "InnerProduct" bottom: "q" top: "f" inner_product_param { num_output: 5 } }
layer { name: "y" type: "Softmax" bottom: "f" top: "y" softmax_param { axis: 1 } }
)",
       {{"c", {{8, 2, 3, 3}, {8}}},
        {"n", {{8}, {8}, {1}}},
        {"s", {{8}, {8}}},
        {"d", {{8, 1, 4, 4}}},
        {"q", {{8}}},
        {"f", {{5, 200}, {5}}}}},
      {"caffe_movement",
       R"(layers { name: "in" type: MEMORY_DATA top: "x" memory_data_param { batch_size: 1 channels: 4 height: 6 width: 4 } transform_param { scale: 0.5 mean_value: 3 } }
layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" convolution_param { num_output: 4 kernel_h: 1 kernel_w: 3 pad_w: 2 dilation: 2 } }
layers { name: "r" type: RELU bottom: "c" top: "c" }
layers { name: "s" type: SLICE bottom: "c" top: "a" top: "b" slice_param { slice_dim: 1 slice_point: 1 } }
layers { name: "t" type: CONCAT bottom: "b" bottom: "a" top: "t" concat_param { concat_dim: 1 } }
layers { name: "p" type: POWER bottom: "t" top: "p" power_param { power: 2 scale: 0.5 shift: 1 } }
layers { name: "l" type: LRN bottom: "p" top: "l" }
layers { name: "e" type: ELTWISE bottom: "l" bottom: "x" top: "e" eltwise_param { operation: MAX } }
layers { name: "f" type: FLATTEN bottom: "e" top: "f" }
layers { name: "y" type: INNER_PRODUCT bottom: "f" top: "y" inner_product_param { num_output: 3 bias_term: false } }
)",
       {{"c", {{4, 4, 1, 3}, {4}}}, {"y", {{3, 96}}}}},
      {"caffe_functions",
       R"(layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 3 dim: 4 dim: 4 } } }
layer { name: "exp" type: "Exp" bottom: "x" top: "exp" exp_param { base: 2 scale: 0.5 } }
layer { name: "log" type: "Log" bottom: "exp" top: "log" log_param { shift: 3 } }
layer { name: "m" type: "MVN" bottom: "log" top: "m" mvn_param { eps: 0.001 } }
layer { name: "n" type: "Normalize" bottom: "m" top: "n" norm_param { across_spatial: false } }
layer { name: "u" type: "Upsample" bottom: "n" top: "u" upsample_param { scale: 2 } }
layer { name: "i" type: "Interp" bottom: "u" top: "i" interp_param { shrink_factor: 2 pad_beg: -1 } }
layer { name: "p" type: "Permute" bottom: "i" top: "p" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "t" type: "Tile" bottom: "p" top: "t" tile_param { axis: 1 tiles: 2 } }
layer { name: "r" type: "Reshape" bottom: "t" top: "r" reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "d" type: "Reduction" bottom: "r" top: "d" reduction_param { operation: SUMSQ axis: 2 coeff: 0.5 } }
layer { name: "a" type: "ArgMax" bottom: "r" top: "a" argmax_param { top_k: 2 out_max_val: true } }
layer { name: "b" type: "Bias" bottom: "d" top: "b" bias_param { num_axes: 0 } }
layer { name: "z" type: "Threshold" bottom: "b" top: "z" threshold_param { threshold: 0.5 } }
layer { name: "q" type: "Silence" bottom: "z" }
layer { name: "sig" type: "Sigmoid" bottom: "b" top: "sig" include { phase: TEST not_stage: "x" } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "sig" bottom: "sig" top: "loss" include { phase: TRAIN } }
)",
       {{"n", {{1}}}, {"b", {{1}}}}},
      {"caffe_detection",
       R"(layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 dim: 16 dim: 16 } } }
layer { name: "c" type: "Convolution" bottom: "x" top: "c" convolution_param { num_output: 4 kernel_size: 4 stride: 4 } }
layer { name: "loc" type: "Convolution" bottom: "c" top: "loc" convolution_param { num_output: 16 kernel_size: 1 } }
layer { name: "loc_p" type: "Permute" bottom: "loc" top: "loc_p" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "loc_f" type: "Flatten" bottom: "loc_p" top: "loc_f" flatten_param { axis: 1 } }
layer { name: "conf" type: "Convolution" bottom: "c" top: "conf" convolution_param { num_output: 12 kernel_size: 1 } }
layer { name: "conf_p" type: "Permute" bottom: "conf" top: "conf_p" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_r" type: "Reshape" bottom: "conf_p" top: "conf_r" reshape_param { shape { dim: 0 dim: -1 dim: 3 } } }
layer { name: "conf_s" type: "Softmax" bottom: "conf_r" top: "conf_s" softmax_param { axis: 2 } }
layer { name: "conf_f" type: "Flatten" bottom: "conf_s" top: "conf_f" }
layer { name: "prior" type: "PriorBox" bottom: "c" bottom: "x" top: "prior" prior_box_param { min_size: 4 max_size: 8 aspect_ratio: 2 flip: true clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 } }
layer { name: "out" type: "DetectionOutput" bottom: "loc_f" bottom: "conf_f" bottom: "prior" top: "out" detection_output_param { num_classes: 3 share_location: true background_label_id: 0 nms_param { nms_threshold: 0.45 top_k: 20 } code_type: CENTER_SIZE keep_top_k: 10 confidence_threshold: 0.2 } }
)",
       {{"c", {{4, 3, 4, 4}, {4}}}, {"loc", {{16, 4, 1, 1}, {16}}}, {"conf", {{12, 4, 1, 1}, {12}}}}}};
  return list;
}

}  // namespace

std::vector<ModelFiles> load_caffe_seeds() {
  std::vector<ModelFiles> seeds;
  for (const Network& network : networks()) {
    refcalib_test::Random random(seeds.size() + 1);
    proto::WeightsNet weights;
    for (const Trained& trained : network.trained) {
      proto::WeightsLayer& layer = *weights.add_layer();
      layer.set_name(trained.layer);
      for (const std::vector<std::int64_t>& shape : trained.blobs) {
        proto::BlobProto& blob = *layer.add_blobs();
        std::int64_t count = 1;
        for (const std::int64_t dim : shape) {
          blob.mutable_shape()->add_dim(dim);
          count *= dim;
        }
        // Positive, because variances are among them.
        for (; count > 0; --count) blob.add_data(static_cast<float>(random.integer(1, 100)) / 100.0F);
      }
    }
    seeds.push_back({network.name, network.text, weights.SerializeAsString(), ".prototxt"});
  }
  return seeds;
}

}  // namespace refcalib_fuzz
