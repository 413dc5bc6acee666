#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "bench/kernels/layers.h"
#include "bench/support/memory.h"
#include "bench/support/timing.h"
#include "engine/kernels/conv/conv.h"

namespace refcalib_bench {

/// The memory of activations: as in a network's arena, a layer reads what the one before it wrote.
struct Activations {
  explicit Activations(bool quantized) : even(bytes), odd(bytes), residual(bytes) {
    even.fill(!quantized);
    odd.fill(!quantized);
    residual.fill(!quantized);
  }
  static constexpr std::size_t bytes =
      std::size_t{256} * 256 * 32 * 4 + 64;  ///< the largest value of the networks
  Memory even, odd, residual;
};

/// A layer on one kernel with everything that a run needs.
class LayerJob {
 public:
  /// `odd`: reads the odd activations and writes the even ones.
  LayerJob(const Layer& layer, bool quantized, const refcalib::engine::kernels::ConvKernel& kernel,
           Activations& activations, bool odd)
      : layer_(layer),
        geometry_(geometry(layer)),
        kernel_(kernel),
        element_(quantized ? 1 : 4),
        weights_(bytes(geometry_.out_channels * (geometry_.in_channels / geometry_.groups) *
                       geometry_.kernel_h * geometry_.kernel_w)),
        packed_(kernel_.packed_bytes(geometry_)),
        scratch_(kernel_.scratch_bytes(geometry_)),
        offset_(channel_bytes()),
        scale_(channel_bytes()),
        bias_(channel_bytes()) {
    quantized ? weights_.fill_weights() : weights_.fill(true);
    if (kernel_.admits != nullptr && !kernel_.admits(geometry_, weights_.data()))
      throw std::runtime_error(std::string(kernel_.name) + " would not run these weights of " +
                               to_string(layer));
    scale_.fill(quantized ? 4e-3F : 1.0F);
    bias_.fill(quantized ? 20.0F : 0.5F);
    pack_seconds_ = seconds_of([&] { kernel_.pack(geometry_, weights_.data(), packed_.data()); });
    operands_.input = (odd ? activations.odd : activations.even).data();
    operands_.output = (odd ? activations.even : activations.odd).data();
    operands_.packed = packed_.data();
    operands_.scratch = scratch_.data();
    refcalib::engine::kernels::Epilogue& e = operands_.epilogue;
    e.acc_offset = offset_.as<std::int32_t>();
    e.scale = scale_.as<float>();
    e.bias = bias_.as<float>();
    e.high = quantized ? 240.0F : 6.0F;
    if (quantized) e.output_kind = refcalib::engine::kernels::Epilogue::Output::u8;
    if (layer.residual) {
      operands_.residual = activations.residual.data();
      e.residual_kind = quantized ? refcalib::engine::kernels::Epilogue::Residual::u8
                                  : refcalib::engine::kernels::Epilogue::Residual::f32;
      e.residual_scale = 0.4F;
    }
    if (kernel_.bind != nullptr) kernel_.bind(geometry_, e, packed_.data());
  }

  /// Seconds of one run.
  double run() {
    return seconds_of([&] { kernel_.run(geometry_, operands_, 0, kernel_.work_items(geometry_)); });
  }
  double operations() const { return refcalib_bench::operations(geometry_); }
  double moved_bytes() const { return elements(layer_, geometry_) * static_cast<double>(element_); }
  double pack_seconds() const { return pack_seconds_; }
  const Layer& layer() const { return layer_; }
  const char* kernel() const { return kernel_.name; }

 private:
  std::size_t channel_bytes() const {
    return static_cast<std::size_t>((geometry_.out_channels + 63) / 64 * 256);
  }
  std::size_t bytes(std::int64_t count) const { return static_cast<std::size_t>(count) * element_; }

  const Layer& layer_;
  refcalib::engine::kernels::ConvGeometry geometry_;
  const refcalib::engine::kernels::ConvKernel& kernel_;
  std::size_t element_;
  Memory weights_, packed_, scratch_, offset_, scale_, bias_;
  refcalib::engine::kernels::ConvOperands operands_;
  double pack_seconds_ = 0;
};

}  // namespace refcalib_bench
