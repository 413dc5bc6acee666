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
    std::int64_t first = start >= low ? 0 : (low - start + dilation - 1) / dilation;
    std::int64_t last = start >= high ? 0 : (high - start + dilation - 1) / dilation;
    last = last < kernel ? last : kernel;
    first = first < last ? first : last;
    return {first, last};
  }
  std::int64_t size() const { return last - first; }
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
      const std::int64_t out_row = ((u.n * g.out.d + u.z) * g.out.h + u.y) * g.out.w;
      for (std::int64_t x = 0; x < g.out.w; ++x) {
        Out* out = static_cast<Out*>(o.output) + (out_row + x) * g.out_pixel_stride;
        channels(op, window(g, static_cast<const In*>(o.input), u, x), out, u.first_channel, u.last_channel);
      }
    }
  }

 private:
  using Range = TapRange<Arch>;
  using Taps = Window<Arch, In>;

  static Taps window(const PoolGeometry& g, const In* input, const PoolUnit& u, std::int64_t x) {
    const std::int64_t z0 = u.z * g.stride.d - g.pad.d;
    const std::int64_t y0 = u.y * g.stride.h - g.pad.h;
    const std::int64_t x0 = x * g.stride.w - g.pad.w;
    const Range rz = Range::of(z0, g.kernel.d, g.dilation.d, 0, g.in.d);
    const Range ry = Range::of(y0, g.kernel.h, g.dilation.h, 0, g.in.h);
    const Range rx = Range::of(x0, g.kernel.w, g.dilation.w, 0, g.in.w);
    const std::int64_t count =
        Range::of(z0, g.kernel.d, g.dilation.d, g.count.begin.d, g.count.end.d).size() *
        Range::of(y0, g.kernel.h, g.dilation.h, g.count.begin.h, g.count.end.h).size() *
        Range::of(x0, g.kernel.w, g.dilation.w, g.count.begin.w, g.count.end.w).size();
    Taps t;
    t.nz = rz.size();
    t.ny = ry.size();
    t.nx = rx.size();
    // An empty window must not form a pointer outside the input.
    const bool empty = t.nz * t.ny * t.nx == 0;
    t.nz = empty ? 0 : t.nz;
    const std::int64_t z = z0 + rz.first * g.dilation.d;
    const std::int64_t y = y0 + ry.first * g.dilation.h;
    t.base = empty ? input
                   : input + (((u.n * g.in.d + z) * g.in.h + y) * g.in.w + x0 + rx.first * g.dilation.w) *
                                 g.in_pixel_stride;
    t.step_x = g.dilation.w * g.in_pixel_stride;
    t.step_y = g.dilation.h * g.in.w * g.in_pixel_stride;
    t.step_z = g.dilation.d * g.in.h * g.in.w * g.in_pixel_stride;
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
