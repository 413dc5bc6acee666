#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/convert/reference.h"
#include "engine/kernels/resize/resize.h"

/// Normative: every kernel of resize.h gives these results bit for bit.
namespace refcalib::engine::kernels::reference {

/// The chain over taps (v, w).
class ResizeChain {
 public:
  void add(float v, float w) {
    sum_ = started_ ? std::fma(v, w, sum_) : v * w;
    started_ = true;
  }
  float sum() const { return sum_; }

 private:
  float sum_ = 0;
  bool started_ = false;
};

/// The value of output (n, z, y, x, c) before it is stored; read(position) gives an input element as float.
template <class Read>
float resized(const ResizeArgs& a, std::int64_t n, std::int64_t z, std::int64_t y, std::int64_t x,
              std::int64_t c, Read read) {
  ResizeChain pixel;
  for (std::int64_t kx = a.x.first[x]; kx < a.x.first[x + 1]; ++kx) {
    ResizeChain row;
    for (std::int64_t kz = a.z.first[z]; kz < a.z.first[z + 1]; ++kz) {
      for (std::int64_t ky = a.y.first[y]; ky < a.y.first[y + 1]; ++ky) {
        const std::int64_t position =
            ((n * a.z.in + a.z.index[kz]) * a.y.in + a.y.index[ky]) * a.x.in + a.x.index[kx];
        row.add(read(position * a.in_pixel_stride + c), a.z.weight[kz] * a.y.weight[ky]);
      }
    }
    pixel.add(row.sum(), a.x.weight[kx]);
  }
  return pixel.sum();
}

/// Calls f(output position, n, z, y, x, c) for every element of the output.
template <class F>
void for_each_output(const ResizeArgs& a, F f) {
  std::int64_t pixel = 0;
  for (std::int64_t n = 0; n < a.batch; ++n)
    for (std::int64_t z = 0; z < a.z.out; ++z)
      for (std::int64_t y = 0; y < a.y.out; ++y)
        for (std::int64_t x = 0; x < a.x.out; ++x, ++pixel)
          for (std::int64_t c = 0; c < a.channels; ++c) f(pixel * a.out_pixel_stride + c, n, z, y, x, c);
}

inline void resize_f32(const ResizeArgs& a) {
  for_each_output(a, [&](std::int64_t to, auto... at) {
    static_cast<float*>(a.output)[to] =
        resized(a, at..., [&](std::int64_t i) { return static_cast<const float*>(a.input)[i]; });
  });
}

inline void resize_u8(const ResizeArgs& a) {
  for_each_output(a, [&](std::int64_t to, std::int64_t n, std::int64_t z, std::int64_t y, std::int64_t x,
                         std::int64_t c) {
    const float sum = resized(a, n, z, y, x, c, [&](std::int64_t i) {
      return static_cast<float>(int{static_cast<const std::uint8_t*>(a.input)[i]} - a.in_zero_point);
    });
    static_cast<std::uint8_t*>(a.output)[to] = quantize(sum * a.in_scale[c], a.inv_scale[c], a.zero_point);
  });
}

}  // namespace refcalib::engine::kernels::reference
