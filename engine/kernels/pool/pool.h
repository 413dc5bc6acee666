#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Extents along depth, height and width.
struct Extent3 {
  std::int64_t d = 1, h = 1, w = 1;
};

/// Which window positions count in an average, as a box of input coordinates: a tap at coordinate i of an
/// axis counts if begin <= i < end on every axis, whether it lies inside the input or not. The rules of the
/// formats are boxes:
///   exclude pad                     [0, in)
///   include pad (opset)             [-pad_begin, in + pad_end)
///   clipped at in + pad_begin       [-pad_begin, in + pad_begin)     (Caffe and the layers made from it)
///   fixed divisor                   everything(): all kernel taps count
struct CountBox {
  Extent3 begin{0, 0, 0};
  Extent3 end{0, 0, 0};

  static constexpr CountBox everything() noexcept {
    constexpr std::int64_t far = std::int64_t{1} << 40;
    return {{-far, -far, -far}, {far, far, far}};
  }
};

/// Pooling over channels-last tensors [batch][depth][height][width][channels]; 2-D pooling has depth and
/// kernel.d of 1. A pixel's channels are contiguous, pixels lie `*_pixel_stride` elements apart (>=
/// channels). The window of output (z, y, x) has the taps (z*stride.d - pad.d + kz*dilation.d, ...); they are
/// taken in the order kz, ky, kx and those outside the input are left out:
///
///   max:      out = max over the taps; NaN is skipped. An empty window gives -infinity (f32) or 0 (u8).
///   average:  count = number of taps inside `count` (0 is taken as 1)
///     f32 input:  y = (sum of the taps, one chain of additions that starts from 0) / float(count)
///     u8 input:   s = sum over the taps of (int(q) - in_zero_point), exact;  y = float(s) * in_scale[c];  y
///     = y / float(count) f32 output: out = y u8 output:  out = q(y) as in convert.h, with inv_scale[c] and
///     zero_point
///
/// Every multiplication and division is rounded on its own. Per-channel arrays hold `channels` rounded up to
/// a multiple of 64 readable elements. At most 2^23 taps per window, so that int32 cannot overflow.
/// Semantics: MaxPool-1/8 and AvgPool-1 of the IR opsets, Pooling of the legacy IR.
struct PoolGeometry {
  std::int64_t batch = 1, channels = 1;
  Extent3 in, out, kernel, stride, dilation;
  Extent3 pad{0, 0, 0};  ///< begin pads; the end pads follow from `out`
  std::int64_t in_pixel_stride = 1, out_pixel_stride = 1;
  CountBox count;  ///< average only
};

struct PoolOperands {
  const void* input = nullptr;
  void* output = nullptr;
  const float* in_scale = nullptr;   ///< average of u8
  std::int32_t in_zero_point = 0;    ///< average of u8
  const float* inv_scale = nullptr;  ///< average with u8 output
  std::int32_t zero_point = 0;       ///< average with u8 output
};

/// Number of independent units of work: rows of the output, each in blocks of channels.
std::int64_t work_items(const PoolGeometry& geometry) noexcept;

/// One instruction set's pooling. Each runs the units [begin, end) of work_items().
struct PoolKernels {
  using Run = void (*)(const PoolGeometry&, const PoolOperands&, std::int64_t begin,
                       std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run max_f32;
  Run max_u8;
  Run average_f32;        ///< f32 -> f32
  Run average_f32_to_u8;  ///< f32 -> u8
  Run average_u8;         ///< u8 -> u8
  Run average_u8_to_f32;  ///< u8 -> f32
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const PoolKernels> pool_kernels() noexcept;

}  // namespace refcalib::engine::kernels
