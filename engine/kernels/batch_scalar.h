#pragma once

namespace refcalib::engine::kernels {

template <>
struct Floats<Scalar> {
  static constexpr int size = 1;
  float v;
  static Floats broadcast(float x) { return {x}; }
};
template <>
struct Ints<Scalar> {
  static constexpr int size = 1;
  std::int32_t v;
  static Ints broadcast(std::int32_t x) { return {x}; }
};
template <>
struct Bytes<Scalar> {
  static constexpr int size = 4;
  std::uint8_t v[4];
  static Bytes broadcast(std::uint8_t x) { return {{x, x, x, x}}; }
};
template <>
struct Mask<Scalar> {
  bool v;
};

using F1 = Floats<Scalar>;
using I1 = Ints<Scalar>;
using B1 = Bytes<Scalar>;
using M1 = Mask<Scalar>;

// One lane has no proper part, so First only occurs for Bytes.
REFCALIB_INLINE F1 load(const float* p, Full<Scalar>) {
  return {*p};
}
REFCALIB_INLINE F1 load(const float* p, First<Scalar>) {
  return {*p};
}
REFCALIB_INLINE void store(float* p, F1 a, Full<Scalar>) {
  *p = a.v;
}
REFCALIB_INLINE void store(float* p, F1 a, First<Scalar>) {
  *p = a.v;
}
REFCALIB_INLINE I1 load_u8(const std::uint8_t* p, Full<Scalar>) {
  return {*p};
}
REFCALIB_INLINE I1 load_u8(const std::uint8_t* p, First<Scalar>) {
  return {*p};
}
REFCALIB_INLINE void store_u8(std::uint8_t* p, I1 a, Full<Scalar>) {
  *p = static_cast<std::uint8_t>(a.v);
}
REFCALIB_INLINE void store_u8(std::uint8_t* p, I1 a, First<Scalar>) {
  *p = static_cast<std::uint8_t>(a.v);
}
REFCALIB_INLINE B1 load_bytes(const std::uint8_t* p, Full<Scalar>) {
  return {{p[0], p[1], p[2], p[3]}};
}
REFCALIB_INLINE B1 load_bytes(const std::uint8_t* p, First<Scalar> first) {
  B1 b = B1::broadcast(0);
  for (int i = 0; i < first.n; ++i) {
    b.v[i] = p[i];
  }
  return b;
}
REFCALIB_INLINE void store_bytes(std::uint8_t* p, B1 b, First<Scalar> first) {
  for (int i = 0; i < first.n; ++i) {
    p[i] = b.v[i];
  }
}
REFCALIB_INLINE void store_bytes(std::uint8_t* p, B1 b, Full<Scalar>) {
  store_bytes(p, b, First<Scalar>{4});
}

REFCALIB_INLINE F1 operator+(F1 a, F1 b) {
  return {a.v + b.v};
}
REFCALIB_INLINE F1 operator-(F1 a, F1 b) {
  return {a.v - b.v};
}
REFCALIB_INLINE F1 operator*(F1 a, F1 b) {
  return {a.v * b.v};
}
REFCALIB_INLINE F1 operator/(F1 a, F1 b) {
  return {a.v / b.v};
}
REFCALIB_INLINE F1 fma(F1 a, F1 b, F1 c) {
  return {__builtin_fmaf(a.v, b.v, c.v)};
}
REFCALIB_INLINE F1 max(F1 a, F1 b) {
  return {a.v > b.v ? a.v : b.v};
}
REFCALIB_INLINE F1 min(F1 a, F1 b) {
  return {a.v < b.v ? a.v : b.v};
}
REFCALIB_INLINE F1 abs(F1 a) {
  return {__builtin_fabsf(a.v)};
}
REFCALIB_INLINE F1 negate(F1 a) {
  return {-a.v};
}
REFCALIB_INLINE F1 sqrt(F1 a) {
  return {__builtin_sqrtf(a.v)};
}
REFCALIB_INLINE F1 floor(F1 a) {
  return {__builtin_floorf(a.v)};
}
REFCALIB_INLINE F1 ceil(F1 a) {
  return {__builtin_ceilf(a.v)};
}
REFCALIB_INLINE F1 round(F1 a) {
  return {__builtin_nearbyintf(a.v)};
}
REFCALIB_INLINE I1 round_to_int(F1 a) {
  return {static_cast<std::int32_t>(__builtin_lrintf(a.v))};
}
REFCALIB_INLINE F1 to_float(I1 a) {
  return {static_cast<float>(a.v)};
}
REFCALIB_INLINE M1 less(F1 a, F1 b) {
  return {a.v < b.v};
}
REFCALIB_INLINE M1 is_nan(F1 a) {
  return {a.v != a.v};
}
REFCALIB_INLINE F1 select(M1 m, F1 a, F1 b) {
  return m.v ? a : b;
}
REFCALIB_INLINE I1 bits(F1 a) {
  I1 r;
  std::memcpy(&r.v, &a.v, sizeof r.v);
  return r;
}
REFCALIB_INLINE F1 as_floats(I1 a) {
  F1 r;
  std::memcpy(&r.v, &a.v, sizeof r.v);
  return r;
}

// Vector arithmetic wraps; in C++ that takes the detour over unsigned.
REFCALIB_INLINE I1 from_unsigned(std::uint32_t x) {
  return {static_cast<std::int32_t>(x)};
}
REFCALIB_INLINE std::uint32_t to_unsigned(I1 a) {
  return static_cast<std::uint32_t>(a.v);
}
REFCALIB_INLINE I1 operator+(I1 a, I1 b) {
  return from_unsigned(to_unsigned(a) + to_unsigned(b));
}
REFCALIB_INLINE I1 operator-(I1 a, I1 b) {
  return from_unsigned(to_unsigned(a) - to_unsigned(b));
}
REFCALIB_INLINE I1 operator&(I1 a, I1 b) {
  return from_unsigned(to_unsigned(a) & to_unsigned(b));
}
REFCALIB_INLINE I1 operator|(I1 a, I1 b) {
  return from_unsigned(to_unsigned(a) | to_unsigned(b));
}
template <int N>
REFCALIB_INLINE I1 shift_left(I1 a) {
  return from_unsigned(to_unsigned(a) << N);
}
template <int N>
REFCALIB_INLINE I1 shift_right(I1 a) {
  return {a.v >> N};
}

REFCALIB_INLINE B1 max(B1 a, B1 b) {
  for (int i = 0; i < B1::size; ++i) {
    a.v[i] = a.v[i] > b.v[i] ? a.v[i] : b.v[i];
  }
  return a;
}
REFCALIB_INLINE I1 as_ints(B1 a) {
  I1 r;
  std::memcpy(&r.v, a.v, sizeof r.v);
  return r;
}
REFCALIB_INLINE B1 as_bytes(I1 a) {
  B1 r;
  std::memcpy(r.v, &a.v, sizeof r.v);
  return r;
}

REFCALIB_INLINE void transpose(I1 (&)[1]) {}

}  // namespace refcalib::engine::kernels
