#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Changes between planes (NCHW) and pixels (NHWC). `pixels` is the product of the spatial extents.
///
///   planar element (n, c, p):   planar[n * planar_batch_stride + c * plane_stride + p]
///   pixel element (n, p, c):    interleaved[n * interleaved_batch_stride + p * pixel_stride + c]
///
/// For 0 <= c < channels, with q() the quantization of convert.h:
///
///   f32_to_pixels, u8_to_pixels:     interleaved = planar
///   f32_to_planes, u8_to_planes:     planar = interleaved
///   quantize_to_pixels:              interleaved(u8) = q(planar(f32)), inv_scale and zero_point
///   dequantize_to_planes:            planar(f32) = float(int(interleaved(u8)) - zero_point) * scale[c]
///   widen_to_pixels:                 interleaved(f32) = float(planar(u8))                       (raw pixels)
///
/// The forms that write pixels also fill the channels [channels, padded_channels) of each pixel: with
/// `zero_point` where the pixels are u8, with 0 where they are f32.
struct LayoutArgs {
  const void* input = nullptr;
  void* output = nullptr;
  std::int64_t batch = 1, channels = 1, pixels = 1;
  std::int64_t padded_channels = 1;  ///< to pixels: channels <= padded_channels <= pixel_stride
  std::int64_t planar_batch_stride = 0, plane_stride = 0;       ///< in elements
  std::int64_t interleaved_batch_stride = 0, pixel_stride = 0;  ///< in elements
  const float* scale = nullptr;  ///< dequantize: per channel, padded to a multiple of 64 readable elements
  const float* inv_scale = nullptr;  ///< quantize: per channel, padded likewise
  std::int32_t zero_point = 0;       ///< 0..255
};

/// Number of independent units of work (blocks of pixels).
std::int64_t work_items(const LayoutArgs& args) noexcept;

/// One instruction set's forms. Each runs the units [begin, end) of work_items().
struct LayoutKernels {
  using Run = void (*)(const LayoutArgs&, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run f32_to_pixels;
  Run u8_to_pixels;
  Run quantize_to_pixels;
  Run widen_to_pixels;
  Run f32_to_planes;
  Run u8_to_planes;
  Run dequantize_to_planes;
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const LayoutKernels> layout_kernels() noexcept;

}  // namespace refcalib::engine::kernels
