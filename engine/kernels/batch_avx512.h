#pragma once

namespace refcalib::engine::kernels {

template <>
struct Floats<Avx512> {
  static constexpr int size = 16;
  __m512 v;
  static Floats broadcast(float x) { return {_mm512_set1_ps(x)}; }
};
template <>
struct Ints<Avx512> {
  static constexpr int size = 16;
  __m512i v;
  static Ints broadcast(std::int32_t x) { return {_mm512_set1_epi32(x)}; }
};
template <>
struct Bytes<Avx512> {
  static constexpr int size = 64;
  __m512i v;
  static Bytes broadcast(std::uint8_t x) { return {_mm512_set1_epi8(static_cast<char>(x))}; }
};
template <>
struct Mask<Avx512> {
  __mmask16 v;
};

using F16 = Floats<Avx512>;
using I16 = Ints<Avx512>;
using B16 = Bytes<Avx512>;
using M16 = Mask<Avx512>;

REFCALIB_INLINE __mmask16 lane_mask(First<Avx512> first) {
  return static_cast<__mmask16>((1U << first.n) - 1U);
}
REFCALIB_INLINE __mmask64 byte_mask(First<Avx512> first) {
  return (std::uint64_t{1} << first.n) - 1U;
}

REFCALIB_INLINE F16 load(const float* p, Full<Avx512>) {
  return {_mm512_loadu_ps(p)};
}
REFCALIB_INLINE F16 load(const float* p, First<Avx512> n) {
  return {_mm512_maskz_loadu_ps(lane_mask(n), p)};
}
REFCALIB_INLINE void store(float* p, F16 a, Full<Avx512>) {
  _mm512_storeu_ps(p, a.v);
}
REFCALIB_INLINE void store(float* p, F16 a, First<Avx512> n) {
  _mm512_mask_storeu_ps(p, lane_mask(n), a.v);
}
REFCALIB_INLINE I16 load_u8(const std::uint8_t* p, Full<Avx512>) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
REFCALIB_INLINE I16 load_u8(const std::uint8_t* p, First<Avx512> n) {
  return {_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(lane_mask(n), p))};
}
REFCALIB_INLINE void store_u8(std::uint8_t* p, I16 a, Full<Avx512>) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(a.v));
}
REFCALIB_INLINE void store_u8(std::uint8_t* p, I16 a, First<Avx512> n) {
  _mm_mask_storeu_epi8(p, lane_mask(n), _mm512_cvtepi32_epi8(a.v));
}
REFCALIB_INLINE B16 load_bytes(const std::uint8_t* p, Full<Avx512>) {
  return {_mm512_loadu_si512(p)};
}
REFCALIB_INLINE B16 load_bytes(const std::uint8_t* p, First<Avx512> n) {
  return {_mm512_maskz_loadu_epi8(byte_mask(n), p)};
}
REFCALIB_INLINE void store_bytes(std::uint8_t* p, B16 a, Full<Avx512>) {
  _mm512_storeu_si512(p, a.v);
}
REFCALIB_INLINE void store_bytes(std::uint8_t* p, B16 a, First<Avx512> n) {
  _mm512_mask_storeu_epi8(p, byte_mask(n), a.v);
}

REFCALIB_INLINE F16 operator+(F16 a, F16 b) {
  return {_mm512_add_ps(a.v, b.v)};
}
REFCALIB_INLINE F16 operator-(F16 a, F16 b) {
  return {_mm512_sub_ps(a.v, b.v)};
}
REFCALIB_INLINE F16 operator*(F16 a, F16 b) {
  return {_mm512_mul_ps(a.v, b.v)};
}
REFCALIB_INLINE F16 operator/(F16 a, F16 b) {
  return {_mm512_div_ps(a.v, b.v)};
}
REFCALIB_INLINE F16 fma(F16 a, F16 b, F16 c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}
REFCALIB_INLINE F16 max(F16 a, F16 b) {
  return {_mm512_max_ps(a.v, b.v)};
}
REFCALIB_INLINE F16 min(F16 a, F16 b) {
  return {_mm512_min_ps(a.v, b.v)};
}
REFCALIB_INLINE F16 abs(F16 a) {
  return {_mm512_abs_ps(a.v)};
}
REFCALIB_INLINE F16 negate(F16 a) {
  return {_mm512_xor_ps(_mm512_set1_ps(-0.0F), a.v)};
}
REFCALIB_INLINE F16 sqrt(F16 a) {
  return {_mm512_sqrt_ps(a.v)};
}
REFCALIB_INLINE F16 floor(F16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
REFCALIB_INLINE F16 ceil(F16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)};
}
REFCALIB_INLINE F16 round(F16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
REFCALIB_INLINE I16 round_to_int(F16 a) {
  return {_mm512_cvtps_epi32(a.v)};
}
REFCALIB_INLINE F16 to_float(I16 a) {
  return {_mm512_cvtepi32_ps(a.v)};
}
REFCALIB_INLINE M16 less(F16 a, F16 b) {
  return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)};
}
REFCALIB_INLINE M16 is_nan(F16 a) {
  return {_mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q)};
}
REFCALIB_INLINE F16 select(M16 m, F16 a, F16 b) {
  return {_mm512_mask_blend_ps(m.v, b.v, a.v)};
}
REFCALIB_INLINE I16 bits(F16 a) {
  return {_mm512_castps_si512(a.v)};
}
REFCALIB_INLINE F16 as_floats(I16 a) {
  return {_mm512_castsi512_ps(a.v)};
}

REFCALIB_INLINE I16 operator+(I16 a, I16 b) {
  return {_mm512_add_epi32(a.v, b.v)};
}
REFCALIB_INLINE I16 operator-(I16 a, I16 b) {
  return {_mm512_sub_epi32(a.v, b.v)};
}
REFCALIB_INLINE I16 operator&(I16 a, I16 b) {
  return {_mm512_and_si512(a.v, b.v)};
}
REFCALIB_INLINE I16 operator|(I16 a, I16 b) {
  return {_mm512_or_si512(a.v, b.v)};
}
template <int N>
REFCALIB_INLINE I16 shift_left(I16 a) {
  return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
REFCALIB_INLINE I16 shift_right(I16 a) {
  return {_mm512_srai_epi32(a.v, N)};
}

REFCALIB_INLINE B16 max(B16 a, B16 b) {
  return {_mm512_max_epu8(a.v, b.v)};
}
REFCALIB_INLINE I16 as_ints(B16 a) {
  return {a.v};
}
REFCALIB_INLINE B16 as_bytes(I16 a) {
  return {a.v};
}

REFCALIB_INLINE void transpose(I16 (&r)[16]) {
  __m512i a[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm512_unpacklo_epi32(r[i].v, r[i + 1].v);
    a[i + 1] = _mm512_unpackhi_epi32(r[i].v, r[i + 1].v);
  }
  __m512i b[16];  // b[4 * i + j]: quarter k holds rows 4i..4i+3 of column 4k + j
  for (int i = 0; i < 16; i += 4) {
    b[i] = _mm512_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm512_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm512_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm512_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512i even_top = _mm512_shuffle_i32x4(b[j], b[4 + j], 0x88);
    const __m512i odd_top = _mm512_shuffle_i32x4(b[j], b[4 + j], 0xDD);
    const __m512i even_bottom = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0x88);
    const __m512i odd_bottom = _mm512_shuffle_i32x4(b[8 + j], b[12 + j], 0xDD);
    r[j] = {_mm512_shuffle_i32x4(even_top, even_bottom, 0x88)};
    r[4 + j] = {_mm512_shuffle_i32x4(odd_top, odd_bottom, 0x88)};
    r[8 + j] = {_mm512_shuffle_i32x4(even_top, even_bottom, 0xDD)};
    r[12 + j] = {_mm512_shuffle_i32x4(odd_top, odd_bottom, 0xDD)};
  }
}

}  // namespace refcalib::engine::kernels
