#pragma once

#include <cstdint>

#include "engine/kernels/layout/layout.h"
#include "engine/kernels/reference_math.h"

/// Normative: every kernel of layout.h gives these results bit for bit.
namespace refcalib::engine::kernels::reference {

inline std::int64_t planar_offset(const LayoutArgs& a, std::int64_t n, std::int64_t c,
                                  std::int64_t p) noexcept {
  return n * a.planar_batch_stride + c * a.plane_stride + p;
}

inline std::int64_t interleaved_offset(const LayoutArgs& a, std::int64_t n, std::int64_t c,
                                       std::int64_t p) noexcept {
  return n * a.interleaved_batch_stride + p * a.pixel_stride + c;
}

/// output(n, p, c) = f(planar(n, c, p), c), the padding channels set to `padding`.
template <class In, class Out, class F>
void to_pixels(const LayoutArgs& a, Out padding, F f) {
  for (std::int64_t n = 0; n < a.batch; ++n) {
    for (std::int64_t p = 0; p < a.pixels; ++p) {
      for (std::int64_t c = 0; c < a.padded_channels; ++c) {
        Out& out = static_cast<Out*>(a.output)[interleaved_offset(a, n, c, p)];
        out = c < a.channels ? f(static_cast<const In*>(a.input)[planar_offset(a, n, c, p)], c) : padding;
      }
    }
  }
}

/// output(n, c, p) = f(interleaved(n, p, c), c)
template <class In, class Out, class F>
void to_planes(const LayoutArgs& a, F f) {
  for (std::int64_t n = 0; n < a.batch; ++n) {
    for (std::int64_t c = 0; c < a.channels; ++c) {
      for (std::int64_t p = 0; p < a.pixels; ++p) {
        static_cast<Out*>(a.output)[planar_offset(a, n, c, p)] =
            f(static_cast<const In*>(a.input)[interleaved_offset(a, n, c, p)], c);
      }
    }
  }
}

}  // namespace refcalib::engine::kernels::reference
