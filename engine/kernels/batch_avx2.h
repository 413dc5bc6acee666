#pragma once

namespace refcalib::engine::kernels {

template <>
struct Floats<Avx2> {
  static constexpr int size = 8;
  __m256 v;
  static Floats broadcast(float x) { return {_mm256_set1_ps(x)}; }
};
template <>
struct Ints<Avx2> {
  static constexpr int size = 8;
  __m256i v;
  static Ints broadcast(std::int32_t x) { return {_mm256_set1_epi32(x)}; }
};
template <>
struct Bytes<Avx2> {
  static constexpr int size = 32;
  __m256i v;
  static Bytes broadcast(std::uint8_t x) { return {_mm256_set1_epi8(static_cast<char>(x))}; }
};
template <>
struct Mask<Avx2> {
  __m256 v;
};

using F8 = Floats<Avx2>;
using I8 = Ints<Avx2>;
using B8 = Bytes<Avx2>;
using M8 = Mask<Avx2>;

/// Copies the first 0 < n < Size bytes without touching any other; a call of memcpy would cost more than the vector
/// around it.
template <int Size>
REFCALIB_INLINE void copy_bytes(First<Avx2> first, std::uint8_t* to, const std::uint8_t* from) {
  static_assert(Size == 8 || Size == 32);
  int done = 0;
  if constexpr (Size == 32) {
    if ((first.n & 16) != 0) {
      std::memcpy(to, from, 16);
      done = 16;
    }
    if ((first.n & 8) != 0) {
      std::memcpy(to + done, from + done, 8);
      done += 8;
    }
  }
  if ((first.n & 4) != 0) {
    std::memcpy(to + done, from + done, 4);
    done += 4;
  }
  if ((first.n & 2) != 0) {
    std::memcpy(to + done, from + done, 2);
    done += 2;
  }
  if ((first.n & 1) != 0) {
    to[done] = from[done];
  }
}

REFCALIB_INLINE __m256i lane_mask(First<Avx2> first) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(first.n), lanes);
}

REFCALIB_INLINE F8 load(const float* p, Full<Avx2>) {
  return {_mm256_loadu_ps(p)};
}
REFCALIB_INLINE F8 load(const float* p, First<Avx2> n) {
  return {_mm256_maskload_ps(p, lane_mask(n))};
}
REFCALIB_INLINE void store(float* p, F8 a, Full<Avx2>) {
  _mm256_storeu_ps(p, a.v);
}
REFCALIB_INLINE void store(float* p, F8 a, First<Avx2> n) {
  _mm256_maskstore_ps(p, lane_mask(n), a.v);
}
REFCALIB_INLINE I8 widen_u8(__m128i bytes) {
  return {_mm256_cvtepu8_epi32(bytes)};
}
REFCALIB_INLINE I8 load_u8(const std::uint8_t* p, Full<Avx2>) {
  return widen_u8(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
REFCALIB_INLINE I8 load_u8(const std::uint8_t* p, First<Avx2> n) {
  std::uint8_t block[8] = {};
  copy_bytes<8>(n, block, p);
  return load_u8(block, Full<Avx2>{});
}
REFCALIB_INLINE void store_u8(std::uint8_t* p, I8 a, Full<Avx2>) {
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(a.v), _mm256_extracti128_si256(a.v, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}
REFCALIB_INLINE void store_u8(std::uint8_t* p, I8 a, First<Avx2> n) {
  std::uint8_t block[8];
  store_u8(block, a, Full<Avx2>{});
  copy_bytes<8>(n, p, block);
}
REFCALIB_INLINE B8 load_bytes(const std::uint8_t* p, Full<Avx2>) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
}
REFCALIB_INLINE B8 load_bytes(const std::uint8_t* p, First<Avx2> n) {
  std::uint8_t block[32] = {};
  copy_bytes<32>(n, block, p);
  return load_bytes(block, Full<Avx2>{});
}
REFCALIB_INLINE void store_bytes(std::uint8_t* p, B8 a, Full<Avx2>) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), a.v);
}
REFCALIB_INLINE void store_bytes(std::uint8_t* p, B8 a, First<Avx2> n) {
  std::uint8_t block[32];
  store_bytes(block, a, Full<Avx2>{});
  copy_bytes<32>(n, p, block);
}

REFCALIB_INLINE F8 operator+(F8 a, F8 b) {
  return {_mm256_add_ps(a.v, b.v)};
}
REFCALIB_INLINE F8 operator-(F8 a, F8 b) {
  return {_mm256_sub_ps(a.v, b.v)};
}
REFCALIB_INLINE F8 operator*(F8 a, F8 b) {
  return {_mm256_mul_ps(a.v, b.v)};
}
REFCALIB_INLINE F8 operator/(F8 a, F8 b) {
  return {_mm256_div_ps(a.v, b.v)};
}
REFCALIB_INLINE F8 fma(F8 a, F8 b, F8 c) {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
REFCALIB_INLINE F8 max(F8 a, F8 b) {
  return {_mm256_max_ps(a.v, b.v)};
}
REFCALIB_INLINE F8 min(F8 a, F8 b) {
  return {_mm256_min_ps(a.v, b.v)};
}
REFCALIB_INLINE F8 abs(F8 a) {
  return {_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v)};
}
REFCALIB_INLINE F8 negate(F8 a) {
  return {_mm256_xor_ps(_mm256_set1_ps(-0.0F), a.v)};
}
REFCALIB_INLINE F8 sqrt(F8 a) {
  return {_mm256_sqrt_ps(a.v)};
}
REFCALIB_INLINE F8 floor(F8 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)};
}
REFCALIB_INLINE F8 ceil(F8 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC)};
}
REFCALIB_INLINE F8 round(F8 a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
REFCALIB_INLINE I8 round_to_int(F8 a) {
  return {_mm256_cvtps_epi32(a.v)};
}
REFCALIB_INLINE F8 to_float(I8 a) {
  return {_mm256_cvtepi32_ps(a.v)};
}
REFCALIB_INLINE M8 less(F8 a, F8 b) {
  return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)};
}
REFCALIB_INLINE M8 is_nan(F8 a) {
  return {_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q)};
}
REFCALIB_INLINE F8 select(M8 m, F8 a, F8 b) {
  return {_mm256_blendv_ps(b.v, a.v, m.v)};
}
REFCALIB_INLINE I8 bits(F8 a) {
  return {_mm256_castps_si256(a.v)};
}
REFCALIB_INLINE F8 as_floats(I8 a) {
  return {_mm256_castsi256_ps(a.v)};
}

REFCALIB_INLINE I8 operator+(I8 a, I8 b) {
  return {_mm256_add_epi32(a.v, b.v)};
}
REFCALIB_INLINE I8 operator-(I8 a, I8 b) {
  return {_mm256_sub_epi32(a.v, b.v)};
}
REFCALIB_INLINE I8 operator&(I8 a, I8 b) {
  return {_mm256_and_si256(a.v, b.v)};
}
REFCALIB_INLINE I8 operator|(I8 a, I8 b) {
  return {_mm256_or_si256(a.v, b.v)};
}
template <int N>
REFCALIB_INLINE I8 shift_left(I8 a) {
  return {_mm256_slli_epi32(a.v, N)};
}
template <int N>
REFCALIB_INLINE I8 shift_right(I8 a) {
  return {_mm256_srai_epi32(a.v, N)};
}

REFCALIB_INLINE B8 max(B8 a, B8 b) {
  return {_mm256_max_epu8(a.v, b.v)};
}
REFCALIB_INLINE I8 as_ints(B8 a) {
  return {a.v};
}
REFCALIB_INLINE B8 as_bytes(I8 a) {
  return {a.v};
}

REFCALIB_INLINE void transpose(I8 (&r)[8]) {
  __m256i a[8];
  for (int i = 0; i < 8; i += 2) {
    a[i] = _mm256_unpacklo_epi32(r[i].v, r[i + 1].v);
    a[i + 1] = _mm256_unpackhi_epi32(r[i].v, r[i + 1].v);
  }
  __m256i b[8];  // b[4 * i + j]: rows 4i..4i+3 of column j in the low half, of column 4 + j in the high half
  for (int i = 0; i < 8; i += 4) {
    b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
    b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
    b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
    b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    r[j] = {_mm256_permute2x128_si256(b[j], b[4 + j], 0x20)};
    r[4 + j] = {_mm256_permute2x128_si256(b[j], b[4 + j], 0x31)};
  }
}

}  // namespace refcalib::engine::kernels
