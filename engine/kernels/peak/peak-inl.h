#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/dot.h"
#include "engine/kernels/peak/peak.h"
#include "engine/kernels/simd.h"
#include "engine/kernels/unroll.h"

namespace refcalib::engine::kernels {

/// A register tile as a convolution has it, Rows x Columns sums, without loading weights: as fast as the
/// instruction set can multiply and add.
template <class A, std::size_t Rows, std::size_t F32Columns, std::size_t U8Columns,
          class Product = QuadProduct<A>>
struct Peak {
  using V = Simd<A>;
  static constexpr int operands = 64;

  static void f32(std::int64_t rounds, const float* values, float* sums) noexcept {
    typename V::F acc[Rows * F32Columns];
    typename V::F w[F32Columns];
    unroll<F32Columns>([&](auto v) __attribute__((always_inline)) { w[v] = V::broadcast(values[v]); });
    unroll<Rows * F32Columns>([&](auto i) __attribute__((always_inline)) { acc[i] = V::broadcast(0.0F); });
    for (std::int64_t i = 0; i < rounds; ++i) {
      const float* const at = values + i % (operands / 8) * 8;
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        const typename V::F a = V::broadcast(at[r]);
        unroll<F32Columns>([&](auto v) __attribute__((always_inline)) {
          acc[r * F32Columns + v] = V::fma(a, w[v], acc[r * F32Columns + v]);
          V::pin(acc[r * F32Columns + v]);
        });
      });
    }
    unroll<Rows * F32Columns>([&](auto i)
                                  __attribute__((always_inline)) { V::store(sums + i * V::lanes, acc[i]); });
  }

  static void u8s8(std::int64_t rounds, const std::uint8_t* values, std::int32_t* sums) noexcept {
    typename Product::Sum acc[Rows * U8Columns];
    typename Product::Weight w[U8Columns];
    unroll<U8Columns>([&](auto v) __attribute__((always_inline)) {
      w[v] = Product::weight(reinterpret_cast<const std::byte*>(values) + v);
    });
    unroll<Rows * U8Columns>([&](auto i) __attribute__((always_inline)) {
      acc[i] = Product::Sum::broadcast(static_cast<std::int32_t>(i()));
    });
    for (std::int64_t i = 0; i < rounds; ++i) {
      const std::uint8_t* const at = values + i % (operands / 8) * 32;
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        const typename Product::Activation a = Product::activation(at + r * 4);
        unroll<U8Columns>([&](auto v) __attribute__((always_inline)) {
          acc[r * U8Columns + v] = Product::accumulate(acc[r * U8Columns + v], a, w[v]);
          V::pin(acc[r * U8Columns + v].v);
        });
      });
    }
    unroll<Rows * U8Columns>([&](auto i)
                                 __attribute__((always_inline)) { V::store(sums + i * V::lanes, acc[i].v); });
  }

  static std::int32_t read(const std::int32_t* values, std::int64_t count) noexcept {
    constexpr std::size_t ways = 4;
    typename V::I sum[ways];
    unroll<ways>([&](auto i) __attribute__((always_inline)) { sum[i] = V::broadcast(0); });
    for (std::int64_t at = 0; at < count; at += static_cast<std::int64_t>(ways) * V::lanes) {
      unroll<ways>([&](auto i) __attribute__((always_inline)) {
        sum[i] = V::add(sum[i], V::load(values + at + i * V::lanes));
      });
    }
    std::int32_t parts[16] = {};
    V::store(parts, V::add(V::add(sum[0], sum[1]), V::add(sum[2], sum[3])));
    std::int32_t total = 0;
    for (const std::int32_t part : parts) {
      total ^= part;
    }
    return total;
  }

  static constexpr PeakKernel kernel() {
    constexpr double f32_ops = static_cast<double>(2 * Rows * F32Columns * V::lanes);
    constexpr double u8s8_ops = static_cast<double>(8 * Rows * U8Columns * V::lanes);
    return {A::isa, f32_ops, u8s8_ops, &f32, &u8s8, &read};
  }
};

}  // namespace refcalib::engine::kernels
