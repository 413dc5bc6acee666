#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/conv/conv.h"

/// The convolution of conv.h, naive and normative: one output value at a time.
namespace refcalib::engine::kernels::reference {

inline float upper_bound_first(float a, float b) {
  return a > b ? a : b;
}
inline float lower_bound_first(float a, float b) {
  return a < b ? a : b;
}

/// The epilogue of epilogue.h for one value. `index` addresses residual and output.
inline void finish(float y, const Epilogue& e, std::int64_t c, const void* residual,
                   std::int64_t residual_index, void* output, std::int64_t index) {
  if (e.residual_kind == Epilogue::Residual::f32) y = y + static_cast<const float*>(residual)[residual_index];
  if (e.residual_kind == Epilogue::Residual::u8) {
    const int q = static_cast<const std::uint8_t*>(residual)[residual_index];
    y = std::fma(static_cast<float>(q), e.residual_scale, y);
  }
  if (e.slope != nullptr && y < 0) y = y * e.slope[c];
  y = lower_bound_first(upper_bound_first(y, e.low), e.high);
  if (e.output_kind == Epilogue::Output::f32) {
    static_cast<float*>(output)[index] = y;
    return;
  }
  float v = e.inv_scale == nullptr ? y : y * e.inv_scale[c];
  v = lower_bound_first(upper_bound_first(v, static_cast<float>(0 - e.zero_point)),
                        static_cast<float>(255 - e.zero_point));
  static_cast<std::uint8_t*>(output)[index] =
      static_cast<std::uint8_t>(static_cast<int>(std::nearbyint(v)) + e.zero_point);
}

/// One output value before the epilogue. In is float or uint8_t, W float or int8_t.
template <class In, class W>
float accumulate(const ConvGeometry& g, const Epilogue& e, const In* in, const W* w, std::int64_t n,
                 std::int64_t z, std::int64_t y, std::int64_t x, std::int64_t c) {
  constexpr bool real = sizeof(In) == 4;
  const std::int64_t ic = g.in_channels / g.groups, oc = g.out_channels / g.groups, group = c / oc;
  float sum = e.bias[c];
  std::int64_t exact = 0;
  for (std::int64_t kz = 0; kz < g.kernel_d; ++kz)
    for (std::int64_t ky = 0; ky < g.kernel_h; ++ky)
      for (std::int64_t kx = 0; kx < g.kernel_w; ++kx) {
        const std::int64_t iz = z * g.stride_d - g.pad_d + kz * g.dilation_d,
                           iy = y * g.stride_h - g.pad_h + ky * g.dilation_h,
                           ix = x * g.stride_w - g.pad_w + kx * g.dilation_w;
        const bool inside = iz >= 0 && iz < g.in_d && iy >= 0 && iy < g.in_h && ix >= 0 && ix < g.in_w;
        const std::int64_t pixel = ((n * g.in_d + iz) * g.in_h + iy) * g.in_w + ix;
        for (std::int64_t i = 0; i < ic; ++i) {
          const W weight = w[(((c * ic + i) * g.kernel_d + kz) * g.kernel_h + ky) * g.kernel_w + kx];
          const In value =
              inside ? in[pixel * g.in_pixel_stride + group * ic + i]
                     : static_cast<In>(real                          ? 0
                                       : g.in_zero_points != nullptr ? g.in_zero_points[group * ic + i]
                                                                     : g.in_zero_point);
          if constexpr (real)
            sum = std::fma(value, weight, sum);
          else
            exact += static_cast<std::int64_t>(value) * weight;
        }
      }
  if constexpr (real) return sum;
  return std::fma(static_cast<float>(static_cast<std::int32_t>(exact + e.acc_offset[c])), e.scale[c],
                  e.bias[c]);
}

/// The whole convolution; `weights` as pack() takes them.
template <class In, class W>
void conv(const ConvGeometry& g, const ConvOperands& o, const W* weights) {
  const bool dense = g.grid.dense();
  const std::int64_t grid_d = dense ? g.out_d : g.grid.d, grid_h = dense ? g.out_h : g.grid.h,
                     grid_w = dense ? g.out_w : g.grid.w;
  for (std::int64_t n = 0; n < g.batch; ++n)
    for (std::int64_t z = 0; z < g.out_d; ++z)
      for (std::int64_t y = 0; y < g.out_h; ++y)
        for (std::int64_t x = 0; x < g.out_w; ++x)
          for (std::int64_t c = 0; c < g.out_channels; ++c) {
            const std::int64_t line = (n * grid_d + z * g.grid.step_d) * grid_h + y * g.grid.step_h;
            const std::int64_t pixel = line * grid_w + x * g.grid.step_w;
            finish(accumulate(g, o.epilogue, static_cast<const In*>(o.input), weights, n, z, y, x, c),
                   o.epilogue, c, o.residual, pixel * g.residual_pixel_stride + c, o.output,
                   pixel * g.out_pixel_stride + c);
          }
}

}  // namespace refcalib::engine::kernels::reference
