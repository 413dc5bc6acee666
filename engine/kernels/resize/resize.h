#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// What one axis of an output is made of: index o is the weighted sum of the input indices index[k] with weight[k] for
/// first[o] <= k < first[o + 1]. Every output index has at least one.
struct ResizeAxis {
  const std::int64_t* first = nullptr;
  const std::int64_t* index = nullptr;
  const float* weight = nullptr;
  std::int64_t in = 1, out = 1;
};

/// Separable interpolation over channels-last tensors [batch][depth][height][width][channels], pixels `*_pixel_stride` elements apart:
///
///   row[x'] = chain over the taps (z, y), y fastest:  v = in[z][y][x'],  w = weight_z * weight_y
///   out[x]  = chain over the taps x' of x:            v = row[x'],       w = weight_x
///   chain:    s = v * w for the first tap, then s = fma(v, w, s)
///
///   f32:  v of the input as it is, out as it is
///   u8:   v = float(int(q) - in_zero_point);  out = q((s * in_scale[c]) * inv_scale[c]) as in convert.h
///
/// Per-channel arrays hold `channels` rounded up to a multiple of 64 readable elements. The taps are made by
/// engine/ops/resize_taps.h after the IR's Interpolate, Interp and Resample.
struct ResizeArgs {
  const void* input = nullptr;
  void* output = nullptr;
  std::int64_t batch = 1, channels = 1;
  std::int64_t in_pixel_stride = 1, out_pixel_stride = 1;
  ResizeAxis z{}, y{}, x{};
  const float* in_scale = nullptr;
  const float* inv_scale = nullptr;
  std::int32_t in_zero_point = 0, zero_point = 0;
};

/// Number of independent units of work: rows of the output.
inline std::int64_t work_items(const ResizeArgs& args) noexcept {
  return args.batch * args.z.out * args.y.out;
}
/// Floats of scratch that a run needs: one row of the input.
inline std::int64_t scratch_floats(const ResizeArgs& args) noexcept {
  return args.x.in * args.channels;
}

/// One instruction set's interpolation. Each runs the units [begin, end) of work_items().
struct ResizeKernels {
  using Run = void (*)(const ResizeArgs&, float* scratch, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run f32;
  Run u8;
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const ResizeKernels> resize_kernels() noexcept;

}  // namespace refcalib::engine::kernels
