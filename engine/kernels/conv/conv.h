#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/core/pair_proof.h"
#include "engine/cpu/isa.h"
#include "engine/kernels/epilogue.h"

namespace refcalib::engine::kernels {

/// Outputs on every step-th pixel of a larger image, as the phases of a transposed convolution have them: output (n, z, y, x) is the
/// pixel ((n * d + z * step_d) * h + y * step_h) * w + x * step_w of the memory. d = 0: the image is the output, step 1.
struct OutputGrid {
  std::int64_t d = 0, h = 0, w = 0;  ///< pixels of the whole image per axis
  std::int64_t step_d = 1, step_h = 1, step_w = 1;

  bool dense() const noexcept { return d == 0; }
};

/// Geometry of a convolution over channels-last tensors; also a matrix product (kernel 1, width = rows).
/// All tensors are [batch][depth][height][width][channels]; a pixel's channels are contiguous, pixels lie
/// `pixel_stride` elements apart (>= channels, so that a tensor may be a slice of a concatenation).
/// 2-D convolutions have depth 1 and kernel_d 1.
///
///   out[n,z,y,x,g*OCg+o] = epilogue( sum_{kz,ky,kx,i} in[n, z*sd-pd+kz*dd, y*sh-ph+ky*dh, x*sw-pw+kx*dw,
///   g*ICg+i]
///                                                     * w[g,o,i,kz,ky,kx] )
///
/// Pads may be negative (the window then starts inside the image). Taps outside the input read 0 (f32) or the input's zero point (u8). The sum runs over (kz,ky,kx) outermost
/// and the input channel innermost; in f32 it is one chain of std::fma per output that starts from bias[c],
/// and taps in the padding take part with the value 0.
struct ConvGeometry {
  std::int64_t batch = 1, groups = 1;
  std::int64_t in_d = 1, in_h = 1, in_w = 1, in_channels = 1;      ///< in_channels over all groups
  std::int64_t out_d = 1, out_h = 1, out_w = 1, out_channels = 1;  ///< out_channels over all groups
  std::int64_t kernel_d = 1, kernel_h = 1, kernel_w = 1;
  std::int64_t stride_d = 1, stride_h = 1, stride_w = 1;
  std::int64_t dilation_d = 1, dilation_h = 1, dilation_w = 1;
  std::int64_t pad_d = 0, pad_h = 0, pad_w = 0;                                       ///< begin pads
  std::int64_t in_pixel_stride = 1, out_pixel_stride = 1, residual_pixel_stride = 1;  ///< in elements
  std::uint8_t in_zero_point = 0;                                                     ///< u8 input only
  /// One zero point per input channel instead of in_zero_point (convolutions without groups); pack() alone reads it.
  const std::uint8_t* in_zero_points = nullptr;
  OutputGrid grid;  ///< where outputs lie
};

/// Pixel of the output's (and the residual's) memory where the row `row`, counted over batch, depth and height, begins.
std::int64_t output_row_pixel(const ConvGeometry& geometry, std::int64_t row) noexcept;

/// The memory of one call. `input` must be readable for 64 bytes behind its last element (the arena
/// guarantees it). `input` and `output` may not overlap; `residual` may equal `output`.
struct ConvOperands {
  const void* input = nullptr;
  const void* packed = nullptr;    ///< what pack() wrote
  const void* residual = nullptr;  ///< geometry of the output, with residual_pixel_stride
  void* output = nullptr;
  void* scratch = nullptr;  ///< scratch_bytes() for this member of the team, 64-byte aligned
  Epilogue epilogue;
};

/// One convolution kernel. The kernels are stateless; everything that depends on tile sizes is behind these
/// functions, so that a caller sees geometry only.
struct ConvKernel {
  const char* name;  ///< for reports, e.g. "conv_u8s8/avx512vnni/6x64"
  Isa isa;
  /// True if the kernel handles this geometry (a depthwise kernel wants in_channels == groups ==
  /// out_channels).
  bool (*accepts)(const ConvGeometry&) noexcept;
  /// Bytes of packed weights (64-byte aligned memory).
  std::size_t (*packed_bytes)(const ConvGeometry&) noexcept;
  /// Packs weights given as [groups][out/groups][in/groups][kd][kh][kw] (f32 or s8), `items` of pack_items()
  /// each independently so that packing can run in parallel.
  void (*pack)(const ConvGeometry&, const void* weights, void* packed) noexcept;
  /// Scratch bytes that one member of the team needs.
  std::size_t (*scratch_bytes)(const ConvGeometry&) noexcept;
  /// Number of independent units of output work; run() does the units [begin, end).
  std::int64_t (*work_items)(const ConvGeometry&) noexcept;
  void (*run)(const ConvGeometry&, const ConvOperands&, std::int64_t begin, std::int64_t end) noexcept;
  /// Writes into packed memory what run() wants to know of the epilogue that it will get; called once after pack(). nullptr: nothing.
  void (*bind)(const ConvGeometry&, const Epilogue&, void* packed) noexcept = nullptr;
  /// What packing found, if the kernel depends on a proof; nullptr: no product of its can saturate.
  PairProof (*proof)(const ConvGeometry&, const void* packed) noexcept = nullptr;
  /// Whether the kernel sums these weights, given as to pack(), without leaving its numbers; nullptr: all.
  bool (*admits)(const ConvGeometry&, const void* weights) noexcept = nullptr;
};

/// The kernel tables, best first. f32: f32 input and weights. u8s8: u8 input, s8 weights, exact int32 sums.
std::span<const ConvKernel> conv_f32_kernels() noexcept;
std::span<const ConvKernel> conv_u8s8_kernels() noexcept;
std::span<const ConvKernel> dwconv_f32_kernels() noexcept;
std::span<const ConvKernel> dwconv_u8s8_kernels() noexcept;

/// First kernel of `table` that `isa` can run and that accepts the geometry; never fails for the conv tables
/// because the scalar row accepts everything. Returns nullptr for the depthwise tables if the geometry is not
/// depthwise.
const ConvKernel* select(std::span<const ConvKernel> table, const ConvGeometry& geometry, Isa isa) noexcept;

}  // namespace refcalib::engine::kernels
