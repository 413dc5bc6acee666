#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/epilogue.h"
#include "engine/kernels/simd.h"
#include "engine/kernels/unroll.h"

/// The epilogue of epilogue.h for blocks of four vectors in interleaved channel order. Included by
/// instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

struct ByteEpilogue {
  /// Prepared parameters, [parameter][vector][lane] per block.
  enum Parameter { offset, scale, bias, slope, inverse, upper, parameters };
  static constexpr std::size_t bytes_per_channel = parameters * sizeof(float);

  const Epilogue* e = nullptr;
  const float* prepared =
      nullptr;  ///< by prepare(): bytes_per_channel for each channel, rounded up to whole blocks
  const float* block = nullptr;  ///< of the current block
  std::int64_t output_bytes = 1, residual_bytes = 0;
  bool clamps_below = false;  ///< `low` lies above what saturation to 0 gives anyway

  ByteEpilogue() = default;
  ByteEpilogue(const Epilogue& epilogue, const float* memory) noexcept : e(&epilogue), prepared(memory) {
    output_bytes = e->output_kind == Epilogue::Output::u8 ? 1 : 4;
    residual_bytes = e->residual_kind == Epilogue::Residual::none ? 0
                     : e->residual_kind == Epilogue::Residual::u8 ? 1
                                                                  : 4;
    clamps_below = !(e->low == -__builtin_inff() || (e->low <= 0 && e->zero_point == 0));
  }

  void set_block(std::int64_t channel) noexcept { block = prepared + channel * parameters; }

  template <class A>
  static const std::int32_t* offsets(const ByteEpilogue& epilogue) noexcept {
    return reinterpret_cast<const std::int32_t*>(epilogue.block);
  }

  /// Brings the parameters of the blocks in [from, until) into interleaved order.
  template <class A>
  static void prepare(const Epilogue& e, float* prepared, std::int64_t from, std::int64_t until) noexcept {
    constexpr std::int64_t channels = 4 * Simd<A>::lanes;
    const void* const sources[] = {e.acc_offset, e.scale, e.bias, e.slope, e.inv_scale};
    for (std::int64_t c = from; c < until; c += channels) {
      float* const to = prepared + c * parameters;
      for (int p = 0; p < upper; ++p) {
        if (sources[p] != nullptr)
          reorder<A>(static_cast<const std::uint8_t*>(sources[p]) + 4 * c, to + p * channels);
        else if (p == inverse)
          for (std::int64_t i = 0; i < channels; ++i) to[p * channels + i] = 1.0F;
      }
      if (e.output_kind == Epilogue::Output::u8) bound<A>(e, to + inverse * channels, to + upper * channels);
    }
  }

  /// acc[x * 4 + j]: sums with their offset, vector j of output column x.
  template <class A, std::size_t Width>
  [[gnu::always_inline]] void finish(const typename Simd<A>::I (&acc)[Width * 4], std::int64_t channels,
                                     std::uint8_t* output, std::int64_t output_step,
                                     const std::uint8_t* residual,
                                     std::int64_t residual_step) const noexcept {
    using V = Simd<A>;
    typename V::F y[Width * 4];
    unroll<4>([&](auto j) __attribute__((always_inline)) {
      const typename V::F s = parameter<A>(scale, j), b = parameter<A>(bias, j);
      unroll<Width>([&](auto x) __attribute__((always_inline)) {
        y[x * 4 + j] = V::fma(V::to_float(acc[x * 4 + j]), s, b);
      });
    });
    if (e->residual_kind != Epilogue::Residual::none)
      add_residual<A, Width>(y, channels, residual, residual_step);
    if (e->slope != nullptr) {
      unroll<4>([&](auto j) __attribute__((always_inline)) {
        const typename V::F s = parameter<A>(slope, j);
        unroll<Width>([&](auto x) __attribute__((always_inline)) {
          typename V::F& v = y[x * 4 + j];
          v = V::select(V::lt(v, V::broadcast(0.0F)), V::mul(v, s), v);
        });
      });
    }
    if (e->output_kind == Epilogue::Output::u8) {
      store_bytes<A, Width>(y, channels, output, output_step);
    } else {
      store_floats<A, Width>(y, channels, output, output_step);
    }
  }

 private:
  template <class A>
  [[gnu::always_inline]] typename Simd<A>::F parameter(Parameter p, std::size_t vector) const noexcept {
    return Simd<A>::load(block + (static_cast<std::size_t>(p) * 4 + vector) * Simd<A>::lanes);
  }

  /// Channels that stay together: four, or one where a vector has one lane.
  template <class A>
  static constexpr std::size_t together = Simd<A>::lanes < 4 ? 1 : 4;

  /// Calls f(position in interleaved order, channel) for every run of neighbouring channels.
  template <class A, class Body>
  [[gnu::always_inline]] static void for_each_run(const Body& body) noexcept {
    for (std::size_t j = 0; j < 4; ++j) {
      for (std::size_t lane = 0; lane < Simd<A>::lanes; lane += together<A>) {
        body(j * Simd<A>::lanes + lane, static_cast<std::size_t>(Simd<A>::interleaved_channel(
                                            static_cast<int>(j), static_cast<int>(lane))));
      }
    }
  }

  template <class A>
  static void reorder(const std::uint8_t* from, float* to) noexcept {
    for_each_run<A>([&](std::size_t position, std::size_t channel) {
      std::memcpy(to + position, from + 4 * channel, 4 * together<A>);
    });
  }

  /// The clamps at `high` and at 255 as one bound on y * inv_scale. For inv_scale > 0 both products are
  /// rounded by the same monotonic function, so that clamping before or after the multiplication is the same.
  template <class A>
  static void bound(const Epilogue& e, const float* inverses, float* to) noexcept {
    using V = Simd<A>;
    const typename V::F most = V::broadcast(static_cast<float>(255 - e.zero_point));
    for (std::size_t j = 0; j < 4; ++j) {
      const typename V::F inv = V::load(inverses + j * V::lanes);
      V::store(to + j * V::lanes, V::min(V::mul(V::broadcast(e.high), inv), most));
    }
  }

  template <class A, std::size_t Width>
  [[gnu::always_inline]] void add_residual(typename Simd<A>::F (&y)[Width * 4], std::int64_t channels,
                                           const std::uint8_t* residual, std::int64_t step) const noexcept {
    using V = Simd<A>;
    const bool whole = channels == 4 * V::lanes;
    unroll<Width>([&](auto x) __attribute__((always_inline)) {
      const std::uint8_t* const from = residual + static_cast<std::int64_t>(x()) * step;
      if (e->residual_kind == Epilogue::Residual::u8) {
        const typename V::I zero = V::broadcast(0);
        const typename V::F s = V::broadcast(e->residual_scale);
        typename V::I q[4];
        V::interleave(whole ? V::load_bytes(from) : V::load_bytes_n(from, static_cast<int>(channels)), zero,
                      zero, zero, q);
        unroll<4>([&](auto j) __attribute__((always_inline)) {
          y[x * 4 + j] = V::fma(V::to_float(q[j]), s, y[x * 4 + j]);
        });
      } else {
        float natural[4 * V::lanes] = {}, ordered[4 * V::lanes];
        std::memcpy(natural, from, 4 * static_cast<std::size_t>(channels));
        reorder<A>(reinterpret_cast<const std::uint8_t*>(natural), ordered);
        unroll<4>([&](auto j) __attribute__((always_inline)) {
          y[x * 4 + j] = V::add(y[x * 4 + j], V::load(ordered + j * V::lanes));
        });
      }
    });
  }

  /// The order of the minimum's operands lets NaN through to the conversion, which makes it INT32_MIN and
  /// thereby 0, as the lower clamp of epilogue.h does where nothing clamps above that; otherwise the maximum
  /// turns it into the bound.
  template <class A, std::size_t Width>
  [[gnu::always_inline]] void store_bytes(const typename Simd<A>::F (&y)[Width * 4], std::int64_t channels,
                                          std::uint8_t* output, std::int64_t step) const noexcept {
    using V = Simd<A>;
    typename V::I q[Width * 4];
    typename V::F v[Width * 4];
    unroll<Width * 4>([&](auto i) __attribute__((always_inline)) { v[i] = y[i]; });
    if (e->inv_scale != nullptr) {
      unroll<4>([&](auto j) __attribute__((always_inline)) {
        const typename V::F inv = parameter<A>(inverse, j);
        unroll<Width>([&](auto x)
                          __attribute__((always_inline)) { v[x * 4 + j] = V::mul(v[x * 4 + j], inv); });
      });
    }
    if (!e->saturates) {
      unroll<4>([&](auto j) __attribute__((always_inline)) {
        const typename V::F most = parameter<A>(upper, j);
        unroll<Width>([&](auto x)
                          __attribute__((always_inline)) { v[x * 4 + j] = V::min(most, v[x * 4 + j]); });
      });
    }
    if (clamps_below) {
      unroll<4>([&](auto j) __attribute__((always_inline)) {
        const typename V::F least = V::mul(V::broadcast(e->low), parameter<A>(inverse, j));
        unroll<Width>([&](auto x)
                          __attribute__((always_inline)) { v[x * 4 + j] = V::max(v[x * 4 + j], least); });
      });
    }
    const typename V::I zero_points = V::broadcast(e->zero_point * 0x10001);
    unroll<Width * 4>([&](auto i) __attribute__((always_inline)) { q[i] = V::nearbyint_as_int(v[i]); });
    if (channels == 4 * V::lanes) {
      unroll<Width>([&](auto x) __attribute__((always_inline)) {
        V::store_bytes(output + static_cast<std::int64_t>(x()) * step,
                       V::pack_interleaved(q[x * 4], q[x * 4 + 1], q[x * 4 + 2], q[x * 4 + 3], zero_points));
      });
      return;
    }
    unroll<Width>([&](auto x) __attribute__((always_inline)) {
      V::store_bytes_n(output + static_cast<std::int64_t>(x()) * step,
                       V::pack_interleaved(q[x * 4], q[x * 4 + 1], q[x * 4 + 2], q[x * 4 + 3], zero_points),
                       static_cast<int>(channels));
    });
  }

  template <class A, std::size_t Width>
  [[gnu::always_inline]] void store_floats(const typename Simd<A>::F (&y)[Width * 4], std::int64_t channels,
                                           std::uint8_t* output, std::int64_t step) const noexcept {
    using V = Simd<A>;
    const typename V::F low = V::broadcast(e->low), high = V::broadcast(e->high);
    unroll<Width>([&](auto x) __attribute__((always_inline)) {
      float ordered[4 * V::lanes], natural[4 * V::lanes];
      unroll<4>([&](auto j) __attribute__((always_inline)) {
        V::store(ordered + j * V::lanes, V::min(V::max(y[x * 4 + j], low), high));
      });
      for_each_run<A>([&](std::size_t position, std::size_t channel) {
        std::memcpy(natural + channel, ordered + position, 4 * together<A>);
      });
      std::memcpy(output + static_cast<std::int64_t>(x()) * step, natural,
                  4 * static_cast<std::size_t>(channels));
    });
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
