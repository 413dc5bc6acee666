#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "engine/kernels/conv/conv.h"

/// The distinct convolutions and matrix products of well-known networks, batch 1.
namespace refcalib_bench {

/// One convolution over a square image, padded by half its kernel; `count` times in the network.
struct Layer {
  std::int64_t size, in_channels, out_channels, kernel, stride;
  bool depthwise = false;
  bool residual = false;  ///< adds a tensor of the output's shape
  int count = 1;
  bool product = false;  ///< a matrix product instead: `size` rows
  std::int64_t groups = 1;
};

struct Network {
  const char* name;
  std::span<const Layer> layers;
};

inline constexpr Layer resnet50_layers[] = {
    {224, 3, 64, 7, 2},
    {56, 64, 64, 1, 1},
    {56, 64, 64, 3, 1, false, false, 3},
    {56, 64, 256, 1, 1, false, true, 3},
    {56, 64, 256, 1, 1},
    {56, 256, 64, 1, 1, false, false, 2},
    {56, 256, 128, 1, 1},
    {56, 128, 128, 3, 2},
    {28, 128, 512, 1, 1, false, true, 4},
    {56, 256, 512, 1, 2},
    {28, 512, 128, 1, 1, false, false, 3},
    {28, 128, 128, 3, 1, false, false, 3},
    {28, 512, 256, 1, 1},
    {28, 256, 256, 3, 2},
    {14, 256, 1024, 1, 1, false, true, 6},
    {28, 512, 1024, 1, 2},
    {14, 1024, 256, 1, 1, false, false, 5},
    {14, 256, 256, 3, 1, false, false, 5},
    {14, 1024, 512, 1, 1},
    {14, 512, 512, 3, 2},
    {7, 512, 2048, 1, 1, false, true, 3},
    {14, 1024, 2048, 1, 2},
    {7, 2048, 512, 1, 1, false, false, 2},
    {7, 512, 512, 3, 1, false, false, 2},
    {1, 2048, 1000, 1, 1, false, false, 1, true},
};

inline constexpr Layer mobilenet_v2_layers[] = {
    {224, 3, 32, 3, 2},
    {112, 32, 32, 3, 1, true},
    {112, 32, 16, 1, 1},
    {112, 16, 96, 1, 1},
    {112, 96, 96, 3, 2, true},
    {56, 96, 24, 1, 1},
    {56, 24, 144, 1, 1, false, false, 2},
    {56, 144, 144, 3, 1, true},
    {56, 144, 24, 1, 1, false, true},
    {56, 144, 144, 3, 2, true},
    {28, 144, 32, 1, 1},
    {28, 32, 192, 1, 1, false, false, 3},
    {28, 192, 192, 3, 1, true, false, 2},
    {28, 192, 32, 1, 1, false, true, 2},
    {28, 192, 192, 3, 2, true},
    {14, 192, 64, 1, 1},
    {14, 64, 384, 1, 1, false, false, 4},
    {14, 384, 384, 3, 1, true, false, 4},
    {14, 384, 64, 1, 1, false, true, 3},
    {14, 384, 96, 1, 1},
    {14, 96, 576, 1, 1, false, false, 3},
    {14, 576, 576, 3, 1, true, false, 2},
    {14, 576, 96, 1, 1, false, true, 2},
    {14, 576, 576, 3, 2, true},
    {7, 576, 160, 1, 1},
    {7, 160, 960, 1, 1, false, false, 3},
    {7, 960, 960, 3, 1, true, false, 3},
    {7, 960, 160, 1, 1, false, true, 2},
    {7, 960, 320, 1, 1},
    {7, 320, 1280, 1, 1},
    {1, 1280, 1000, 1, 1, false, false, 1, true},
};

inline constexpr Layer mobilenet_v1_layers[] = {
    {224, 3, 32, 3, 2},
    {112, 32, 32, 3, 1, true},
    {112, 32, 64, 1, 1},
    {112, 64, 64, 3, 2, true},
    {56, 64, 128, 1, 1},
    {56, 128, 128, 3, 1, true},
    {56, 128, 128, 1, 1},
    {56, 128, 128, 3, 2, true},
    {28, 128, 256, 1, 1},
    {28, 256, 256, 3, 1, true},
    {28, 256, 256, 1, 1},
    {28, 256, 256, 3, 2, true},
    {14, 256, 512, 1, 1},
    {14, 512, 512, 3, 1, true, false, 5},
    {14, 512, 512, 1, 1, false, false, 5},
    {14, 512, 512, 3, 2, true},
    {7, 512, 1024, 1, 1},
    {7, 1024, 1024, 3, 1, true},
    {7, 1024, 1024, 1, 1},
    {1, 1024, 1000, 1, 1, false, false, 1, true},
};

/// SSD-MobileNetV1 for 300x300 images, with its box and class heads.
inline constexpr Layer ssd_layers[] = {
    {300, 3, 32, 3, 2},
    {150, 32, 32, 3, 1, true},
    {150, 32, 64, 1, 1},
    {150, 64, 64, 3, 2, true},
    {75, 64, 128, 1, 1},
    {75, 128, 128, 3, 1, true},
    {75, 128, 128, 1, 1},
    {75, 128, 128, 3, 2, true},
    {38, 128, 256, 1, 1},
    {38, 256, 256, 3, 1, true},
    {38, 256, 256, 1, 1},
    {38, 256, 256, 3, 2, true},
    {19, 256, 512, 1, 1},
    {19, 512, 512, 3, 1, true, false, 5},
    {19, 512, 512, 1, 1, false, false, 5},
    {19, 512, 12, 1, 1},
    {19, 512, 273, 1, 1},
    {19, 512, 512, 3, 2, true},
    {10, 512, 1024, 1, 1},
    {10, 1024, 1024, 3, 1, true},
    {10, 1024, 1024, 1, 1},
    {10, 1024, 24, 1, 1},
    {10, 1024, 546, 1, 1},
    {10, 1024, 256, 1, 1},
    {10, 256, 512, 3, 2},
    {5, 512, 24, 1, 1},
    {5, 512, 546, 1, 1},
    {5, 512, 128, 1, 1},
    {5, 128, 256, 3, 2},
    {3, 256, 24, 1, 1},
    {3, 256, 546, 1, 1},
    {3, 256, 128, 1, 1},
    {3, 128, 256, 3, 2},
    {2, 256, 24, 1, 1},
    {2, 256, 546, 1, 1},
    {2, 256, 64, 1, 1},
    {2, 64, 128, 3, 2},
    {1, 128, 24, 1, 1},
    {1, 128, 546, 1, 1},
};

/// A U-Net of 16 to 256 channels for 256x256 images; its transposed convolutions run as products of matrices, one per phase.
inline constexpr Layer unet_layers[] = {
    {256, 3, 16, 3, 1},
    {256, 16, 16, 3, 1, false, false, 2},
    {128, 16, 32, 3, 1},
    {128, 32, 32, 3, 1, false, false, 2},
    {64, 32, 64, 3, 1},
    {64, 64, 64, 3, 1, false, false, 2},
    {32, 64, 128, 3, 1},
    {32, 128, 128, 3, 1, false, false, 2},
    {16, 128, 256, 3, 1},
    {16, 256, 256, 3, 1},
    {16, 256, 128, 1, 1, false, false, 4},
    {32, 256, 128, 3, 1},
    {32, 128, 64, 1, 1, false, false, 4},
    {64, 128, 64, 3, 1},
    {64, 64, 32, 1, 1, false, false, 4},
    {128, 64, 32, 3, 1},
    {128, 32, 16, 1, 1, false, false, 4},
    {256, 32, 16, 3, 1},
    {256, 16, 2, 1, 1},
};

/// The grouped convolutions of ResNeXt-50 32x4d.
inline constexpr Layer resnext50_layers[] = {
    {56, 128, 128, 3, 1, false, false, 3, false, 32},  {56, 256, 256, 3, 2, false, false, 1, false, 32},
    {28, 256, 256, 3, 1, false, false, 3, false, 32},  {28, 512, 512, 3, 2, false, false, 1, false, 32},
    {14, 512, 512, 3, 1, false, false, 5, false, 32},  {14, 1024, 1024, 3, 2, false, false, 1, false, 32},
    {7, 1024, 1024, 3, 1, false, false, 2, false, 32},
};

/// The grouped convolutions of ShuffleNet v1 with 8 groups, and a depthwise convolution with two outputs per channel.
inline constexpr Layer shufflenet_layers[] = {
    {28, 384, 96, 1, 1, false, false, 3, false, 8},  {28, 96, 384, 1, 1, false, false, 3, false, 8},
    {14, 768, 192, 1, 1, false, false, 7, false, 8}, {14, 192, 768, 1, 1, false, false, 7, false, 8},
    {7, 1536, 384, 1, 1, false, false, 3, false, 8}, {7, 384, 1536, 1, 1, false, false, 3, false, 8},
    {56, 64, 128, 3, 1, false, false, 1, false, 64},
};

/// One encoder layer of BERT-base for 128 tokens: the products with constant weights (matmul_bench.cpp has the others).
inline constexpr Layer bert_layers[] = {
    {128, 768, 768, 1, 1, false, false, 4, true},
    {128, 768, 3072, 1, 1, false, false, 1, true},
    {128, 3072, 768, 1, 1, false, false, 1, true},
};

inline constexpr Network networks[] = {{"resnet50", resnet50_layers},
                                       {"mobilenet_v1", mobilenet_v1_layers},
                                       {"mobilenet_v2", mobilenet_v2_layers},
                                       {"ssd_mobilenet_v1", ssd_layers},
                                       {"unet", unet_layers},
                                       {"resnext50", resnext50_layers},
                                       {"shufflenet", shufflenet_layers},
                                       {"bert", bert_layers}};

inline refcalib::engine::kernels::ConvGeometry geometry(const Layer& layer) {
  refcalib::engine::kernels::ConvGeometry g;
  const std::int64_t pad = layer.kernel / 2;
  g.in_w = layer.size;
  g.in_h = layer.product ? 1 : layer.size;
  g.out_w = (layer.size + 2 * pad - layer.kernel) / layer.stride + 1;
  g.out_h = layer.product ? 1 : g.out_w;
  g.in_channels = g.in_pixel_stride = layer.in_channels;
  g.out_channels = g.out_pixel_stride = g.residual_pixel_stride = layer.out_channels;
  g.groups = layer.depthwise ? layer.in_channels : layer.groups;
  g.kernel_h = g.kernel_w = layer.kernel;
  g.stride_h = g.stride_w = layer.stride;
  g.pad_h = g.pad_w = pad;
  return g;
}

/// Elements of input, output and weights together, and of the residual if there is one: what one run moves at least.
inline double elements(const Layer& layer, const refcalib::engine::kernels::ConvGeometry& g) {
  const std::int64_t out = g.batch * g.out_h * g.out_w * g.out_channels;
  return static_cast<double>(g.batch * g.in_h * g.in_w * g.in_channels + out * (layer.residual ? 2 : 1) +
                             g.out_channels * (g.in_channels / g.groups) * g.kernel_h * g.kernel_w);
}

/// Operations (two per multiply-add) of one run.
inline double operations(const refcalib::engine::kernels::ConvGeometry& g) {
  return 2.0 * static_cast<double>(g.batch * g.out_d * g.out_h * g.out_w * g.out_channels) *
         static_cast<double>(g.in_channels / g.groups * g.kernel_d * g.kernel_h * g.kernel_w);
}

/// "56x64-256/k1s1+": size, channels, kernel (dw: depthwise, g32: 32 groups), stride, + for a residual; "128x768-768/product" for a product.
inline std::string to_string(const Layer& layer) {
  const std::string sizes = std::to_string(layer.size) + "x" + std::to_string(layer.in_channels) + "-" +
                            std::to_string(layer.out_channels);
  if (layer.product) return sizes + "/product";
  return sizes + (layer.depthwise ? "/dw" : "/k") + std::to_string(layer.kernel) + "s" +
         std::to_string(layer.stride) +
         (layer.groups > 1 ? "g" + std::to_string(layer.groups) : std::string()) +
         (layer.residual ? "+" : "");
}

}  // namespace refcalib_bench
