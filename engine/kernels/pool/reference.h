#pragma once

#include <cstdint>
#include <limits>

#include "engine/kernels/pool/pool.h"
#include "engine/kernels/reference_math.h"

/// Normative: every kernel of pool.h gives these results bit for bit.
namespace refcalib::engine::kernels::reference {

inline bool inside(std::int64_t i, std::int64_t begin, std::int64_t end) noexcept {
  return begin <= i && i < end;
}

/// Calls tap(offset of the tap's pixel) for the taps inside the input, in order; returns how many taps are
/// counted.
template <class F>
std::int64_t for_each_tap(const PoolGeometry& g, std::int64_t n, Extent3 out, F tap) {
  std::int64_t counted = 0;
  for (std::int64_t kz = 0; kz < g.kernel.d; ++kz) {
    for (std::int64_t ky = 0; ky < g.kernel.h; ++ky) {
      for (std::int64_t kx = 0; kx < g.kernel.w; ++kx) {
        const std::int64_t z = out.d * g.stride.d - g.pad.d + kz * g.dilation.d;
        const std::int64_t y = out.h * g.stride.h - g.pad.h + ky * g.dilation.h;
        const std::int64_t x = out.w * g.stride.w - g.pad.w + kx * g.dilation.w;
        if (inside(z, g.count.begin.d, g.count.end.d) && inside(y, g.count.begin.h, g.count.end.h) &&
            inside(x, g.count.begin.w, g.count.end.w)) {
          ++counted;
        }
        if (inside(z, 0, g.in.d) && inside(y, 0, g.in.h) && inside(x, 0, g.in.w)) {
          tap((((n * g.in.d + z) * g.in.h + y) * g.in.w + x) * g.in_pixel_stride);
        }
      }
    }
  }
  return counted == 0 ? 1 : counted;
}

/// Calls f(batch, output position, channel, offset of the output element) for every output.
template <class F>
void for_each_output(const PoolGeometry& g, F f) {
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (std::int64_t z = 0; z < g.out.d; ++z) {
      for (std::int64_t y = 0; y < g.out.h; ++y) {
        for (std::int64_t x = 0; x < g.out.w; ++x) {
          for (std::int64_t c = 0; c < g.channels; ++c) {
            const std::int64_t pixel = ((n * g.out.d + z) * g.out.h + y) * g.out.w + x;
            f(n, Extent3{z, y, x}, c, pixel * g.out_pixel_stride + c);
          }
        }
      }
    }
  }
}

/// T is float or uint8_t; empty windows give -infinity or 0.
template <class T>
void max_pool(const PoolGeometry& g, const PoolOperands& o) {
  constexpr bool is_float = std::numeric_limits<T>::has_infinity;
  for_each_output(g, [&](std::int64_t n, Extent3 out, std::int64_t c, std::int64_t offset) {
    T best = is_float ? static_cast<T>(-std::numeric_limits<T>::infinity()) : T{0};
    for_each_tap(g, n, out, [&](std::int64_t pixel) {
      const T x = static_cast<const T*>(o.input)[pixel + c];
      best = x > best ? x : best;
    });
    static_cast<T*>(o.output)[offset] = best;
  });
}

template <class In, class Out>
void average_pool(const PoolGeometry& g, const PoolOperands& o) {
  constexpr bool f32_in = std::numeric_limits<In>::has_infinity;
  for_each_output(g, [&](std::int64_t n, Extent3 out, std::int64_t c, std::int64_t offset) {
    float real_sum = 0;
    std::int32_t exact_sum = 0;
    const std::int64_t count = for_each_tap(g, n, out, [&](std::int64_t pixel) {
      const In x = static_cast<const In*>(o.input)[pixel + c];
      if constexpr (f32_in) {
        real_sum = real_sum + x;
      } else {
        exact_sum += static_cast<std::int32_t>(x) - o.in_zero_point;
      }
    });
    const float sum = f32_in ? real_sum : static_cast<float>(exact_sum) * o.in_scale[c];
    const float y = sum / static_cast<float>(count);
    if constexpr (std::numeric_limits<Out>::has_infinity) {
      static_cast<Out*>(o.output)[offset] = y;
    } else {
      static_cast<Out*>(o.output)[offset] = quantize(y, o.inv_scale[c], o.zero_point);
    }
  });
}

}  // namespace refcalib::engine::kernels::reference
