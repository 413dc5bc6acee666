#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Conversions between f32 and quantized u8 over `rows` rows of `channels` contiguous elements. Rows lie a
/// stride apart, so that either side may be a slice of a concatenation. A channels-last tensor has one row
/// per pixel.
///
///   quantize:    v = input * inv_scale[c];   v = min(max(v, float(0 - zero_point)), float(255 -
///   zero_point));
///                output = u8(round_half_even(v) + zero_point)
///   dequantize:  output = float(int(input) - in_zero_point) * in_scale[c]
///   requantize:  the quantization of  y = float(int(input) - in_zero_point) * in_scale[c]
///   widen:       output = float(input)                                        (raw pixels)
///
/// min/max follow `a > b ? a : b` with the bound as the second operand, so NaN quantizes to 0. Every
/// multiplication is rounded on its own. Reference: uniform affine quantization, Jacob et al., CVPR 2018,
/// section 2.1. Per-channel arrays hold `channels` rounded up to a multiple of 64 readable elements. Input
/// and output may be the same memory only if element types and strides are the same (requantize).
struct ConvertArgs {
  const void* input = nullptr;
  void* output = nullptr;
  std::int64_t channels = 0;
  std::int64_t in_stride = 0, out_stride = 0;  ///< from row to row, in elements; at least `channels`
  const float* in_scale = nullptr;             ///< dequantize, requantize
  std::int32_t in_zero_point = 0;              ///< dequantize, requantize; 0..255
  const float* inv_scale = nullptr;            ///< quantize, requantize: 1 / output scale
  std::int32_t zero_point = 0;                 ///< quantize, requantize; 0..255
};

/// One instruction set's conversions. Each runs the rows [begin, end); rows are independent.
struct ConvertKernels {
  using Run = void (*)(const ConvertArgs&, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run quantize;    ///< f32 -> u8
  Run dequantize;  ///< u8 -> f32
  Run requantize;  ///< u8 -> u8
  Run widen;       ///< u8 -> f32
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const ConvertKernels> convert_kernels() noexcept;

}  // namespace refcalib::engine::kernels
