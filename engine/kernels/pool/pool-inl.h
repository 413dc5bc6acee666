#pragma once

#include "engine/kernels/pool/pool.h"
#include "engine/kernels/pool/units.h"
#include "engine/kernels/quantize-inl.h"
#include "engine/kernels/rows-inl.h"

/// Pooling of pool.h, once for all instruction sets: vectors run over channels, the accumulators of a few
/// vectors stay in registers while the window is walked.
namespace refcalib::engine::kernels {

/// Which of the positions start, start + dilation, ... (kernel of them) lie in [low, high): [first, last).
template <class Arch>
struct TapRange {
  std::int64_t first, last;

  static TapRange of(std::int64_t start, std::int64_t kernel, std::int64_t dilation, std::int64_t low,
                     std::int64_t high) {
    if (start >= low && start + (kernel - 1) * dilation < high) {
      return {0, kernel};  // most windows, and no division for them
    }
    std::int64_t first = start >= low ? 0 : (low - start + dilation - 1) / dilation;
    std::int64_t last = start >= high ? 0 : (high - start + dilation - 1) / dilation;
    last = last < kernel ? last : kernel;
    first = first < last ? first : last;
    return {first, last};
  }
  std::int64_t size() const { return last - first; }
};

/// One axis of a window: the taps inside the input, where the first of them lies, and how many taps count.
template <class Arch>
struct Axis {
  TapRange<Arch> taps;
  std::int64_t first_tap, counted;

  Axis(std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t dilation, std::int64_t pad,
       std::int64_t in, std::int64_t count_begin, std::int64_t count_end) {
    const std::int64_t start = out * stride - pad;
    taps = TapRange<Arch>::of(start, kernel, dilation, 0, in);
    first_tap = start + taps.first * dilation;
    counted = TapRange<Arch>::of(start, kernel, dilation, count_begin, count_end).size();
  }
};

/// The taps of one window that lie inside the input, as pointer steps.
template <class Arch, class T>
struct Window {
  const T* base;  ///< first tap, channel 0
  std::int64_t nz, ny, nx;
  std::int64_t step_z, step_y, step_x;  ///< in elements
  float divisor;
};

// ---- what happens in a window: an accumulator, how a tap enters it, what leaves it
// ------------------------------------

template <class Arch>
struct MaxF32 {
  using In = float;
  using Out = float;
  using Sum = Floats<Arch>;
  static constexpr int lanes = Floats<Arch>::size;
  explicit MaxF32(const PoolOperands&) {}
  Sum start() const { return Sum::broadcast(-__builtin_inff()); }
  template <class N>
  Sum add(Sum sum, const float* p, N n) const {
    return max(load(p, n), sum);
  }
  template <class N>
  void finish(float* out, Sum sum, std::int64_t, Floats<Arch>, N n) const {
    store(out, sum, n);
  }
};

template <class Arch>
struct MaxU8 {
  using In = std::uint8_t;
  using Out = std::uint8_t;
  using Sum = Bytes<Arch>;
  static constexpr int lanes = Bytes<Arch>::size;
  explicit MaxU8(const PoolOperands&) {}
  Sum start() const { return Sum::broadcast(0); }
  template <class N>
  Sum add(Sum sum, const std::uint8_t* p, N n) const {
    return max(load_bytes(p, n), sum);
  }
  template <class N>
  void finish(std::uint8_t* out, Sum sum, std::int64_t, Floats<Arch>, N n) const {
    store_bytes(out, sum, n);
  }
};

/// y as f32 or quantized.
template <class Arch, class T>
class AverageOutput;

template <class Arch>
class AverageOutput<Arch, float> {
 public:
  explicit AverageOutput(const PoolOperands&) {}
  template <class N>
  void operator()(float* out, Floats<Arch> y, std::int64_t, N n) const {
    store(out, y, n);
  }
};

template <class Arch>
class AverageOutput<Arch, std::uint8_t> {
 public:
  explicit AverageOutput(const PoolOperands& o) : quantizer_(o.zero_point), inv_scale_(o.inv_scale) {}
  template <class N>
  void operator()(std::uint8_t* out, Floats<Arch> y, std::int64_t c, N n) const {
    store_u8(out, quantizer_(y * load(inv_scale_ + c, n)), n);
  }

 private:
  Quantizer<Arch> quantizer_;
  const float* inv_scale_;
};

template <class Arch, class Output>
struct AverageF32 {
  using In = float;
  using Out = Output;
  using Sum = Floats<Arch>;
  static constexpr int lanes = Floats<Arch>::size;
  explicit AverageF32(const PoolOperands& o) : output(o) {}
  Sum start() const { return Sum::broadcast(0); }
  template <class N>
  Sum add(Sum sum, const float* p, N n) const {
    return sum + load(p, n);
  }
  template <class N>
  void finish(Out* out, Sum sum, std::int64_t c, Floats<Arch> divisor, N n) const {
    output(out, sum / divisor, c, n);
  }
  AverageOutput<Arch, Out> output;
};

template <class Arch, class Output>
struct AverageU8 {
  using In = std::uint8_t;
  using Out = Output;
  using Sum = Ints<Arch>;
  static constexpr int lanes = Ints<Arch>::size;
  explicit AverageU8(const PoolOperands& o)
      : output(o), scale(o.in_scale), zero_point(Sum::broadcast(o.in_zero_point)) {}
  Sum start() const { return Sum::broadcast(0); }
  template <class N>
  Sum add(Sum sum, const std::uint8_t* p, N n) const {
    return sum + (load_u8(p, n) - zero_point);
  }
  template <class N>
  void finish(Out* out, Sum sum, std::int64_t c, Floats<Arch> divisor, N n) const {
    output(out, to_float(sum) * load(scale + c, n) / divisor, c, n);
  }
  AverageOutput<Arch, Out> output;
  const float* scale;
  Sum zero_point;
};

// ---- walking the windows
// ----------------------------------------------------------------------------------------------

template <class Arch, class Op>
struct Pool {
  using In = typename Op::In;
  using Out = typename Op::Out;

  static void run(const PoolGeometry& g, const PoolOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const Op op(o);
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const PoolUnit u = pool_unit(g, unit);
      const Axis<Arch> z(u.z, g.kernel.d, g.stride.d, g.dilation.d, g.pad.d, g.in.d, g.count.begin.d,
                         g.count.end.d);
      const Axis<Arch> y(u.y, g.kernel.h, g.stride.h, g.dilation.h, g.pad.h, g.in.h, g.count.begin.h,
                         g.count.end.h);
      const std::int64_t out_row = ((u.n * g.out.d + u.z) * g.out.h + u.y) * g.out.w;
      for (std::int64_t ox = 0; ox < g.out.w; ++ox) {
        const Axis<Arch> x(ox, g.kernel.w, g.stride.w, g.dilation.w, g.pad.w, g.in.w, g.count.begin.w,
                           g.count.end.w);
        Out* out = static_cast<Out*>(o.output) + (out_row + ox) * g.out_pixel_stride;
        channels(op, window(g, static_cast<const In*>(o.input), u.n, z, y, x), out, u.first_channel,
                 u.last_channel);
      }
    }
  }

 private:
  using Taps = Window<Arch, In>;

  static Taps window(const PoolGeometry& g, const In* input, std::int64_t n, const Axis<Arch>& z,
                     const Axis<Arch>& y, const Axis<Arch>& x) {
    Taps t;
    // An empty window must not form a pointer outside the input.
    const bool empty = z.taps.size() * y.taps.size() * x.taps.size() == 0;
    const std::int64_t pixel = ((n * g.in.d + z.first_tap) * g.in.h + y.first_tap) * g.in.w + x.first_tap;
    t.base = empty ? input : input + pixel * g.in_pixel_stride;
    t.nz = empty ? 0 : z.taps.size();
    t.ny = y.taps.size();
    t.nx = x.taps.size();
    t.step_x = g.dilation.w * g.in_pixel_stride;
    t.step_y = g.dilation.h * g.in.w * g.in_pixel_stride;
    t.step_z = g.dilation.d * g.in.h * g.in.w * g.in_pixel_stride;
    const std::int64_t count = z.counted * y.counted * x.counted;
    t.divisor = static_cast<float>(count > 0 ? count : 1);
    return t;
  }

  static void channels(const Op& op, const Taps& taps, Out* out, std::int64_t first, std::int64_t last) {
    constexpr int unroll = 4;
    std::int64_t c = first;
    for (; c + unroll * Op::lanes <= last; c += unroll * Op::lanes) {
      vectors<unroll>(op, taps, out, c, Full<Arch>{});
    }
    for (; c + Op::lanes <= last; c += Op::lanes) {
      vectors<1>(op, taps, out, c, Full<Arch>{});
    }
    if (c < last) {
      vectors<1>(op, taps, out, c, First<Arch>{static_cast<int>(last - c)});
    }
  }

  template <std::size_t Count, class N>
  REFCALIB_INLINE static void vectors(const Op& op, const Taps& taps, Out* out, std::int64_t c, N n) {
    typename Op::Sum sum[Count];
    for (std::size_t v = 0; v < Count; ++v) {
      sum[v] = op.start();
    }
    for (std::int64_t kz = 0; kz < taps.nz; ++kz) {
      for (std::int64_t ky = 0; ky < taps.ny; ++ky) {
        const In* p = taps.base + kz * taps.step_z + ky * taps.step_y + c;
        for (std::int64_t kx = 0; kx < taps.nx; ++kx, p += taps.step_x) {
          for (std::size_t v = 0; v < Count; ++v) {
            sum[v] = op.add(sum[v], p + v * Op::lanes, n);
          }
        }
      }
    }
    const auto divisor = Floats<Arch>::broadcast(taps.divisor);
    for (std::size_t v = 0; v < Count; ++v) {
      const std::int64_t channel = c + static_cast<std::int64_t>(v) * Op::lanes;
      op.finish(out + channel, sum[v], channel, divisor, n);
    }
  }
};

template <class Arch>
constexpr PoolKernels make_pool_kernels(const char* name, Isa isa) {
  return {name,
          isa,
          &Pool<Arch, MaxF32<Arch>>::run,
          &Pool<Arch, MaxU8<Arch>>::run,
          &Pool<Arch, AverageF32<Arch, float>>::run,
          &Pool<Arch, AverageF32<Arch, std::uint8_t>>::run,
          &Pool<Arch, AverageU8<Arch, std::uint8_t>>::run,
          &Pool<Arch, AverageU8<Arch, float>>::run};
}

}  // namespace refcalib::engine::kernels
