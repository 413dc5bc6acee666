#pragma once

#include <memory>
#include <string>

#include "engine/kernels/conv/conv.h"

namespace refcalib_bench {

/// A layer in another library, ready to run on memory of its own with packed weights.
class PeerLayer {
 public:
  virtual ~PeerLayer() = default;
  virtual void run() = 0;
  /// The library's name for the code that runs.
  virtual std::string implementation() const = 0;
};

/// Version of oneDNN; empty if the benchmarks were built without it.
std::string onednn_version();

/// The same convolution in oneDNN on one thread, in the memory formats that it likes best: f32, or u8 * s8 requantized to u8 by scales per
/// channel, with bias, ReLU and, with `residual`, a sum of the output's type. nullptr if it cannot, or is not there.
std::unique_ptr<PeerLayer> onednn_convolution(const refcalib::engine::kernels::ConvGeometry& geometry,
                                              bool quantized, bool residual);

}  // namespace refcalib_bench
