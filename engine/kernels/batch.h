#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/simd.h"

/// Operators over the words of simd.h, so that element-wise code reads as its formula. Included by
/// instruction-set files only; everything is templated on the tag and inlined, so that nothing is shared
/// between files compiled with different flags. Arithmetic has one rounding per operator, integers wrap, and
/// max(a, b) is `a > b ? a : b`, min(a, b) is `a < b ? a : b`.

// Forces a function of this layer into its caller.
#define REFCALIB_INLINE inline __attribute__((always_inline))

namespace refcalib::engine::kernels {

/// The last argument of loads and stores: a whole vector, or its first n elements (0 < n < size). Elements
/// beyond n load as zero, are not stored to, and their memory is not touched.
template <class A>
struct Full {};
template <class A>
struct First {
  int n;
};

template <class A>
struct Floats {
  static constexpr int size = Simd<A>::lanes;
  typename Simd<A>::F v;
  REFCALIB_INLINE static Floats broadcast(float x) { return {Simd<A>::broadcast(x)}; }
};

template <class A>
struct Ints {
  static constexpr int size = Simd<A>::lanes;
  typename Simd<A>::I v;
  REFCALIB_INLINE static Ints broadcast(std::int32_t x) { return {Simd<A>::broadcast(x)}; }
};

/// The same vector as Ints, seen as four bytes per lane.
template <class A>
struct Bytes {
  static constexpr int size = 4 * Simd<A>::lanes;
  typename Simd<A>::I v;
  REFCALIB_INLINE static Bytes broadcast(std::uint8_t x) {
    return {Simd<A>::broadcast(static_cast<std::int32_t>(x * 0x01010101U))};
  }
};

/// The same vector as Ints, seen as two int16 per lane.
template <class A>
struct Words {
  static constexpr int size = 2 * Simd<A>::lanes;
  typename Simd<A>::I v;
};

/// Outcome of a comparison, lane by lane.
template <class A>
struct Mask {
  typename Simd<A>::M v;
};

/// Ints::size as the extent of an array.
template <class A>
inline constexpr auto lane_count = static_cast<std::size_t>(Simd<A>::lanes);

// ---- memory
// -----------------------------------------------------------------------------------------------------------

template <class A>
REFCALIB_INLINE Floats<A> load(const float* p, Full<A>) {
  return {Simd<A>::load(p)};
}
template <class A>
REFCALIB_INLINE Floats<A> load(const float* p, First<A> first) {
  return {Simd<A>::load_n(p, first.n)};
}
template <class A>
REFCALIB_INLINE void store(float* p, Floats<A> a, Full<A>) {
  Simd<A>::store(p, a.v);
}
template <class A>
REFCALIB_INLINE void store(float* p, Floats<A> a, First<A> first) {
  Simd<A>::store_n(p, a.v, first.n);
}
/// One byte per lane, widened.
template <class A>
REFCALIB_INLINE Ints<A> load_u8(const std::uint8_t* p, Full<A>) {
  return {Simd<A>::load_u8(p)};
}
template <class A>
REFCALIB_INLINE Ints<A> load_u8(const std::uint8_t* p, First<A> first) {
  return {Simd<A>::load_u8_n(p, first.n)};
}
/// One byte per lane, saturated to 0..255.
template <class A>
REFCALIB_INLINE void store_u8(std::uint8_t* p, Ints<A> a, Full<A>) {
  Simd<A>::store_u8(p, a.v);
}
template <class A>
REFCALIB_INLINE void store_u8(std::uint8_t* p, Ints<A> a, First<A> first) {
  Simd<A>::store_u8_n(p, a.v, first.n);
}
template <class A>
REFCALIB_INLINE Bytes<A> load_bytes(const std::uint8_t* p, Full<A>) {
  return {Simd<A>::load_bytes(p)};
}
template <class A>
REFCALIB_INLINE Bytes<A> load_bytes(const std::uint8_t* p, First<A> first) {
  return {Simd<A>::load_bytes_n(p, first.n)};
}
template <class A>
REFCALIB_INLINE void store_bytes(std::uint8_t* p, Bytes<A> a, Full<A>) {
  Simd<A>::store_bytes(p, a.v);
}
template <class A>
REFCALIB_INLINE void store_bytes(std::uint8_t* p, Bytes<A> a, First<A> first) {
  Simd<A>::store_bytes_n(p, a.v, first.n);
}

/// Bytes widened to int16.
template <class A>
REFCALIB_INLINE Words<A> load_words(const std::uint8_t* p, Full<A>) {
  return {Simd<A>::load_words_u8(p)};
}
template <class A>
REFCALIB_INLINE void store(std::int32_t* p, Ints<A> a, Full<A>) {
  Simd<A>::store(p, a.v);
}
template <class A>
REFCALIB_INLINE Ints<A> load(const std::int32_t* p, Full<A>) {
  return {Simd<A>::load(p)};
}

// ---- arithmetic
// -------------------------------------------------------------------------------------------------------

template <class A>
REFCALIB_INLINE Floats<A> operator+(Floats<A> a, Floats<A> b) {
  return {Simd<A>::add(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> operator-(Floats<A> a, Floats<A> b) {
  return {Simd<A>::sub(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> operator*(Floats<A> a, Floats<A> b) {
  return {Simd<A>::mul(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> operator/(Floats<A> a, Floats<A> b) {
  return {Simd<A>::div(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> fma(Floats<A> a, Floats<A> b, Floats<A> c) {
  return {Simd<A>::fma(a.v, b.v, c.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> max(Floats<A> a, Floats<A> b) {
  return {Simd<A>::max(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> min(Floats<A> a, Floats<A> b) {
  return {Simd<A>::min(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> abs(Floats<A> a) {
  return {Simd<A>::abs(a.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> negate(Floats<A> a) {
  return {Simd<A>::neg(a.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> sqrt(Floats<A> a) {
  return {Simd<A>::sqrt(a.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> floor(Floats<A> a) {
  return {Simd<A>::floor(a.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> ceil(Floats<A> a) {
  return {Simd<A>::ceil(a.v)};
}
/// Half to even.
template <class A>
REFCALIB_INLINE Floats<A> round(Floats<A> a) {
  return {Simd<A>::nearbyint(a.v)};
}
template <class A>
REFCALIB_INLINE Ints<A> round_to_int(Floats<A> a) {
  return {Simd<A>::nearbyint_as_int(a.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> to_float(Ints<A> a) {
  return {Simd<A>::to_float(a.v)};
}

template <class A>
REFCALIB_INLINE Ints<A> operator+(Ints<A> a, Ints<A> b) {
  return {Simd<A>::add(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Ints<A> operator-(Ints<A> a, Ints<A> b) {
  return {Simd<A>::sub(a.v, b.v)};
}
/// The low 32 bits.
template <class A>
REFCALIB_INLINE Ints<A> operator*(Ints<A> a, Ints<A> b) {
  return {Simd<A>::mul(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Words<A> operator+(Words<A> a, Words<A> b) {
  return {Simd<A>::add_words(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Words<A> operator-(Words<A> a, Words<A> b) {
  return {Simd<A>::sub_words(a.v, b.v)};
}
template <int N, class A>
REFCALIB_INLINE Words<A> shift_left(Words<A> a) {
  return {Simd<A>::template shift_left_words<N>(a.v)};
}
template <class A>
REFCALIB_INLINE void pin_lanes(Ints<A>& a) {
  Simd<A>::pin(a.v);
}
template <class A>
REFCALIB_INLINE void pin_lanes(Words<A>& a) {
  Simd<A>::pin(a.v);
}
/// The value, in a register: GCC 12 else keeps integers that are read twice in memory, where their type changes.
template <class V>
REFCALIB_INLINE V in_register(V a) {
  pin_lanes(a);
  return a;
}
/// acc + the sum of each lane's two products.
template <class A>
REFCALIB_INLINE Ints<A> dot2(Words<A> a, Words<A> b, Ints<A> acc) {
  return {Simd<A>::dot2(acc.v, a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Ints<A> operator&(Ints<A> a, Ints<A> b) {
  return {Simd<A>::bit_and(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Ints<A> operator|(Ints<A> a, Ints<A> b) {
  return {Simd<A>::bit_or(a.v, b.v)};
}
template <int N, class A>
REFCALIB_INLINE Ints<A> shift_left(Ints<A> a) {
  return {Simd<A>::template shift_left<N>(a.v)};
}
/// Copies the sign bit.
template <int N, class A>
REFCALIB_INLINE Ints<A> shift_right(Ints<A> a) {
  return {Simd<A>::template shift_right_signed<N>(a.v)};
}
/// Stores the first three bytes of each of n lanes, close together.
template <class A>
REFCALIB_INLINE void store_three_of_four(std::uint8_t* p, Ints<A> a, Full<A>) {
  Simd<A>::template store_quarters<3>(p, Simd<A>::drop_fourth_bytes(a.v));
}
template <class A>
REFCALIB_INLINE void store_three_of_four(std::uint8_t* p, Ints<A> a, First<A> first) {
  Simd<A>::store_bytes_n(p, Simd<A>::drop_fourth_bytes(a.v), 3 * first.n);
}
/// Stores three vectors side by side, a0 b0 c0 a1 b1 c1 …
template <class A>
REFCALIB_INLINE void store_interleaved(float* p, Ints<A> a, Ints<A> b, Ints<A> c) {
  typename Simd<A>::I out[3];
  Simd<A>::interleave_three(a.v, b.v, c.v, out);
  for (int i = 0; i < 3; ++i) Simd<A>::store(p + i * Simd<A>::lanes, Simd<A>::as_float(out[i]));
}
template <class A>
REFCALIB_INLINE Bytes<A> max(Bytes<A> a, Bytes<A> b) {
  return {Simd<A>::max_u8(a.v, b.v)};
}

// ---- comparison and reinterpretation
// ----------------------------------------------------------------------------------

/// False where either is NaN.
template <class A>
REFCALIB_INLINE Mask<A> less(Floats<A> a, Floats<A> b) {
  return {Simd<A>::lt(a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Mask<A> is_nan(Floats<A> a) {
  return {Simd<A>::mask_not(Simd<A>::eq(a.v, a.v))};
}
/// Lanes of `a` where the mask holds, else of `b`.
template <class A>
REFCALIB_INLINE Floats<A> select(Mask<A> m, Floats<A> a, Floats<A> b) {
  return {Simd<A>::select(m.v, a.v, b.v)};
}
template <class A>
REFCALIB_INLINE Ints<A> bits(Floats<A> a) {
  return {Simd<A>::as_int(a.v)};
}
template <class A>
REFCALIB_INLINE Floats<A> as_floats(Ints<A> a) {
  return {Simd<A>::as_float(a.v)};
}
template <class A>
REFCALIB_INLINE Ints<A> as_ints(Bytes<A> a) {
  return {a.v};
}
template <class A>
REFCALIB_INLINE Words<A> as_words(Ints<A> a) {
  return {a.v};
}
template <class A>
REFCALIB_INLINE Ints<A> as_ints(Words<A> a) {
  return {a.v};
}
template <class A>
REFCALIB_INLINE Bytes<A> as_bytes(Ints<A> a) {
  return {a.v};
}

/// rows[i] lane j <-> rows[j] lane i
template <class A>
REFCALIB_INLINE void transpose(Ints<A> (&rows)[lane_count<A>]) {
  typename Simd<A>::I lanes[lane_count<A>];
  for (std::size_t i = 0; i < lane_count<A>; ++i) {
    lanes[i] = rows[i].v;
  }
  Simd<A>::transpose(lanes);
  for (std::size_t i = 0; i < lane_count<A>; ++i) {
    rows[i].v = lanes[i];
  }
}

}  // namespace refcalib::engine::kernels
