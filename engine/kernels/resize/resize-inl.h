#pragma once

#include "engine/kernels/quantize-inl.h"
#include "engine/kernels/resize/resize.h"
#include "engine/kernels/rows-inl.h"

/// Interpolation of resize.h, once for all instruction sets: vectors run over the channels of whole input rows, then over the channels
/// of single pixels.
namespace refcalib::engine::kernels {

/// Input elements as floats, results as elements.
template <class Arch, class T>
class ResizeElements;

template <class Arch>
class ResizeElements<Arch, float> {
 public:
  explicit ResizeElements(const ResizeArgs&) {}
  template <class N>
  REFCALIB_INLINE Floats<Arch> read(const float* p, N n) const {
    return load(p, n);
  }
  template <class N>
  REFCALIB_INLINE void write(float* p, Floats<Arch> y, std::int64_t, N n) const {
    store(p, y, n);
  }
};

template <class Arch>
class ResizeElements<Arch, std::uint8_t> {
 public:
  explicit ResizeElements(const ResizeArgs& a)
      : quantizer_(a.zero_point),
        in_zero_point_(Ints<Arch>::broadcast(a.in_zero_point)),
        in_scale_(a.in_scale),
        inv_scale_(a.inv_scale) {}
  template <class N>
  REFCALIB_INLINE Floats<Arch> read(const std::uint8_t* p, N n) const {
    return to_float(load_u8(p, n) - in_zero_point_);
  }
  template <class N>
  REFCALIB_INLINE void write(std::uint8_t* p, Floats<Arch> y, std::int64_t c, N n) const {
    store_u8(p, quantizer_(y * load(in_scale_ + c, n) * load(inv_scale_ + c, n)), n);
  }

 private:
  Quantizer<Arch> quantizer_;
  Ints<Arch> in_zero_point_;
  const float* in_scale_;
  const float* inv_scale_;
};

template <class Arch, class T>
struct Resize {
  /// Up to `most` taps that enter the chain together.
  static constexpr int most = 4;
  struct Taps {
    const T* row[most];
    float weight[most];
    int count = 0;
  };

  static void run(const ResizeArgs& a, float* scratch, std::int64_t begin, std::int64_t end) noexcept {
    const ResizeElements<Arch, T> elements(a);
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t oy = unit % a.y.out, oz = unit / a.y.out % a.z.out, n = unit / a.y.out / a.z.out;
      blend_rows(elements, a, n, oz, oy, scratch);
      T* out = static_cast<T*>(a.output) + unit * a.x.out * a.out_pixel_stride;
      for (std::int64_t ox = 0; ox < a.x.out; ++ox, out += a.out_pixel_stride) {
        blend_pixels(elements, a, ox, scratch, out);
      }
    }
  }

 private:
  static void blend_rows(const ResizeElements<Arch, T>& elements, const ResizeArgs& a, std::int64_t n,
                         std::int64_t oz, std::int64_t oy, float* sum) {
    const T* image = static_cast<const T*>(a.input) + n * a.z.in * a.y.in * a.x.in * a.in_pixel_stride;
    Taps taps;
    bool first = true;
    for (std::int64_t kz = a.z.first[oz]; kz < a.z.first[oz + 1]; ++kz) {
      for (std::int64_t ky = a.y.first[oy]; ky < a.y.first[oy + 1]; ++ky) {
        if (taps.count == most) {
          add_rows(elements, a, taps, first, sum);
          first = false;
          taps.count = 0;
        }
        taps.row[taps.count] = image + (a.z.index[kz] * a.y.in + a.y.index[ky]) * a.x.in * a.in_pixel_stride;
        taps.weight[taps.count++] = a.z.weight[kz] * a.y.weight[ky];
      }
    }
    add_rows(elements, a, taps, first, sum);
  }

  static void add_rows(const ResizeElements<Arch, T>& elements, const ResizeArgs& a, const Taps& taps,
                       bool first, float* sum) {
    const bool dense = a.in_pixel_stride == a.channels;
    const std::int64_t pieces = dense ? 1 : a.x.in, count = dense ? a.x.in * a.channels : a.channels;
    for (std::int64_t i = 0; i < pieces; ++i) {
      const std::int64_t from = i * a.in_pixel_stride;
      float* to = sum + i * a.channels;
      switch (taps.count) {
        case 1:
          add_piece<1>(elements, taps, from, count, first, to);
          break;
        case 2:
          add_piece<2>(elements, taps, from, count, first, to);
          break;
        case 3:
          add_piece<3>(elements, taps, from, count, first, to);
          break;
        default:
          add_piece<4>(elements, taps, from, count, first, to);
      }
    }
  }

  template <int Count>
  static void add_piece(const ResizeElements<Arch, T>& elements, const Taps& taps, std::int64_t from,
                        std::int64_t count, bool first, float* sum) {
    for_vectors<Arch, Floats<Arch>::size>(
        count, [&](std::int64_t i, auto n) __attribute__((always_inline)) {
          const Floats<Arch> v = elements.read(taps.row[0] + from + i, n);
          const auto w = Floats<Arch>::broadcast(taps.weight[0]);
          Floats<Arch> s = first ? v * w : fma(v, w, load(sum + i, n));
          for (int k = 1; k < Count; ++k) {
            s = fma(elements.read(taps.row[k] + from + i, n), Floats<Arch>::broadcast(taps.weight[k]), s);
          }
          store(sum + i, s, n);
        });
  }

  static void blend_pixels(const ResizeElements<Arch, T>& elements, const ResizeArgs& a, std::int64_t ox,
                           const float* row, T* out) {
    const std::int64_t first = a.x.first[ox];
    const std::int64_t count = a.x.first[ox + 1] - first;
    const std::int64_t* index = a.x.index + first;
    const float* weight = a.x.weight + first;
    if (count == 2) {
      const float* p = row + index[0] * a.channels;
      const float* q = row + index[1] * a.channels;
      const auto wp = Floats<Arch>::broadcast(weight[0]);
      const auto wq = Floats<Arch>::broadcast(weight[1]);
      for_vectors<Arch, Floats<Arch>::size>(
          a.channels, [&](std::int64_t c, auto n) __attribute__((always_inline)) {
            elements.write(out + c, fma(load(q + c, n), wq, load(p + c, n) * wp), c, n);
          });
      return;
    }
    for_vectors<Arch, Floats<Arch>::size>(
        a.channels, [&](std::int64_t c, auto n) __attribute__((always_inline)) {
          Floats<Arch> s = load(row + index[0] * a.channels + c, n) * Floats<Arch>::broadcast(weight[0]);
          for (std::int64_t k = 1; k < count; ++k) {
            s = fma(load(row + index[k] * a.channels + c, n), Floats<Arch>::broadcast(weight[k]), s);
          }
          elements.write(out + c, s, c, n);
        });
  }
};

template <class Arch>
constexpr ResizeKernels make_resize_kernels(const char* name, Isa isa) {
  return {name, isa, &Resize<Arch, float>::run, &Resize<Arch, std::uint8_t>::run};
}

}  // namespace refcalib::engine::kernels
