#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/batch.h"
#include "engine/kernels/simd_pairs.h"

/// The products that convolutions are made of, as policies over an instruction set's vectors: which element types meet, how weights
/// lie in packed memory, and what one step of the sum is. Included by instruction-set files only.
namespace refcalib::engine::kernels {

/// f32: one fused multiply-add per activation.
template <class A>
struct FloatProduct {
  using Vectors = A;
  using Input = float;
  using Packed = float;
  using Sum = Floats<A>;
  using Weight = Floats<A>;
  using Activation = Floats<A>;
  static constexpr bool lists_steps = false;
  static constexpr int group = 1;  ///< activations that one broadcast covers
  static constexpr int lanes = Simd<A>::lanes;
  static constexpr int stored = lanes * 4;  ///< bytes of one packed vector of weights

  [[gnu::always_inline]] static Weight weight(const std::byte* p) {
    return {Simd<A>::load(reinterpret_cast<const float*>(p))};
  }
  [[gnu::always_inline]] static Activation activation(const float* p) { return {Simd<A>::broadcast(*p)}; }
  [[gnu::always_inline]] static Sum accumulate(Sum acc, Activation a, Weight w) {
    return {Simd<A>::fma(a.v, w.v, acc.v)};
  }
  [[gnu::always_inline]] static void put(std::byte* p, int lane, int, float w) {
    reinterpret_cast<float*>(p)[lane] = w;
  }
};

/// u8 activations and s8 weights, four at a time, summed exactly in int32.
template <class A>
struct QuadProduct {
  using Vectors = A;
  using Input = std::uint8_t;
  using Packed = std::int8_t;
  using Sum = Ints<A>;
  using Weight = typename Simd<A>::W;
  using Activation = typename Simd<A>::Q;
  static constexpr bool lists_steps = false;
  static constexpr int group = 4;
  static constexpr int lanes = Simd<A>::lanes;
  static constexpr int stored = static_cast<int>(Simd<A>::weight_bytes);

  [[gnu::always_inline]] static Weight weight(const std::byte* p) { return Simd<A>::load_weights(p); }
  [[gnu::always_inline]] static Activation activation(const std::uint8_t* p) {
    return Simd<A>::broadcast_quad(p);
  }
  [[gnu::always_inline]] static Sum accumulate(Sum acc, const Activation& a, const Weight& w) {
    return {Simd<A>::dot4(acc.v, a, w)};
  }
  [[gnu::always_inline]] static void put(std::byte* p, int lane, int j, std::int8_t w) {
    Simd<A>::put_weight(p, lane, j, w);
  }
};

/// The same where pairs are summed in int16, which saturates. Packing finds for every panel an order of the activations in which no
/// pair can (conv/steps-inl.h); a panel therefore comes with a list of its steps.
template <class A>
struct PairProduct {
  using Vectors = A;
  using Input = std::uint8_t;
  using Packed = std::int8_t;
  using Sum = Ints<A>;
  using Weight = typename Pairs<A>::I;
  using Activation = typename Pairs<A>::I;
  static constexpr bool lists_steps = true;
  static constexpr int group = 4;
  static constexpr int lanes = Simd<A>::lanes;
  static constexpr int stored = Pairs<A>::bytes;

  [[gnu::always_inline]] static Weight weight(const std::byte* p) { return Pairs<A>::load(p); }
  [[gnu::always_inline]] static Activation activation(const std::uint8_t* p) {
    return Pairs<A>::broadcast_four(p);
  }
  [[gnu::always_inline]] static Activation picked(const std::uint8_t* p, Activation order) {
    return Pairs<A>::broadcast_picked(p, order);
  }
  [[gnu::always_inline]] static Sum accumulate(Sum acc, Activation a, Weight w) {
    return {Pairs<A>::dot_pairs(acc.v, a, w)};
  }
};

}  // namespace refcalib::engine::kernels
