#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/simd_tags.h"

namespace refcalib::engine::kernels {

/// Sixteen lanes (AVX-512 F, BW, DQ, VL).
template <class A>
struct Simd512 {
  static constexpr int lanes = 16;
  using F = __m512;
  using I = __m512i;
  using M = __mmask16;

  [[gnu::always_inline]] static F load(const float* p) { return _mm512_loadu_ps(p); }
  [[gnu::always_inline]] static I load(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  [[gnu::always_inline]] static void store(std::int32_t* p, I v) { _mm512_storeu_si512(p, v); }
  [[gnu::always_inline]] static F load_n(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
  [[gnu::always_inline]] static I load_n(const std::int32_t* p, int n) {
    return _mm512_maskz_loadu_epi32(first(n), p);
  }
  [[gnu::always_inline]] static void store_n(float* p, F v, int n) { _mm512_mask_storeu_ps(p, first(n), v); }
  [[gnu::always_inline]] static void store_n(std::int32_t* p, I v, int n) {
    _mm512_mask_storeu_epi32(p, first(n), v);
  }
  [[gnu::always_inline]] static I load_u8(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  [[gnu::always_inline]] static I load_u8_n(const std::uint8_t* p, int n) {
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first(n), p));
  }
  [[gnu::always_inline]] static I load_s8(const std::int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  [[gnu::always_inline]] static void store_u8(std::uint8_t* p, I v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), to_bytes(v));
  }
  [[gnu::always_inline]] static void store_u8_n(std::uint8_t* p, I v, int n) {
    _mm_mask_storeu_epi8(p, first(n), to_bytes(v));
  }
  [[gnu::always_inline]] static I pack_u8x4(I a, I b, I c, I d, I zero_points) {
    const __m512i bytes = pack_interleaved(a, b, c, d, zero_points);
    // The packs work within 128-bit quarters; this puts the sixteen groups of four bytes in order.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, bytes);
  }
  [[gnu::always_inline]] static void scatter_quarters(std::uint8_t* p0, std::uint8_t* p1, std::uint8_t* p2,
                                                      std::uint8_t* p3, I v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p0), _mm512_castsi512_si128(v));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p1), _mm512_extracti32x4_epi32(v, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p2), _mm512_extracti32x4_epi32(v, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p3), _mm512_extracti32x4_epi32(v, 3));
  }
  template <int vectors>
  [[gnu::always_inline]] static void store_quarters(std::uint8_t* p, I v) {
    if constexpr (vectors == 4) {
      _mm512_storeu_si512(p, v);
      return;
    }
    if constexpr (vectors == 1)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_castsi512_si128(v));
    else
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_castsi512_si256(v));
    if constexpr (vectors == 3)
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 32), _mm512_extracti32x4_epi32(v, 2));
  }
  [[gnu::always_inline]] static F broadcast(float x) { return _mm512_set1_ps(x); }
  [[gnu::always_inline]] static I broadcast(std::int32_t x) { return _mm512_set1_epi32(x); }

  [[gnu::always_inline]] static F add(F a, F b) { return _mm512_add_ps(a, b); }
  [[gnu::always_inline]] static F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  [[gnu::always_inline]] static F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  [[gnu::always_inline]] static F div(F a, F b) { return _mm512_div_ps(a, b); }
  [[gnu::always_inline]] static I add(I a, I b) { return _mm512_add_epi32(a, b); }
  [[gnu::always_inline]] static I sub(I a, I b) { return _mm512_sub_epi32(a, b); }
  [[gnu::always_inline]] static I mul(I a, I b) { return _mm512_mullo_epi32(a, b); }
  [[gnu::always_inline]] static F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  [[gnu::always_inline]] static F min(F a, F b) { return _mm512_min_ps(a, b); }
  [[gnu::always_inline]] static F max(F a, F b) { return _mm512_max_ps(a, b); }
  [[gnu::always_inline]] static I min(I a, I b) { return _mm512_min_epi32(a, b); }
  [[gnu::always_inline]] static I max(I a, I b) { return _mm512_max_epi32(a, b); }
  [[gnu::always_inline]] static F abs(F a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), a); }
  [[gnu::always_inline]] static F neg(F a) { return _mm512_xor_ps(_mm512_set1_ps(-0.0F), a); }
  [[gnu::always_inline]] static F sqrt(F a) { return _mm512_sqrt_ps(a); }
  // Without optimization GCC 12 defines roundscale as a macro, whose mask constant then meets our warnings.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
  [[gnu::always_inline]] static F floor(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  }
  [[gnu::always_inline]] static F ceil(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  }
  [[gnu::always_inline]] static F nearbyint(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
#pragma GCC diagnostic pop
  [[gnu::always_inline]] static I nearbyint_as_int(F a) {
    return _mm512_cvtps_epi32(a);
  }
  [[gnu::always_inline]] static F to_float(I a) {
    return _mm512_cvtepi32_ps(a);
  }

  [[gnu::always_inline]] static M lt(F a, F b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
  }
  [[gnu::always_inline]] static M le(F a, F b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
  }
  [[gnu::always_inline]] static M gt(F a, F b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
  }
  [[gnu::always_inline]] static M ge(F a, F b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
  }
  [[gnu::always_inline]] static M eq(F a, F b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
  }
  [[gnu::always_inline]] static M gt(I a, I b) {
    return _mm512_cmpgt_epi32_mask(a, b);
  }
  [[gnu::always_inline]] static M eq(I a, I b) {
    return _mm512_cmpeq_epi32_mask(a, b);
  }
  [[gnu::always_inline]] static F select(M m, F a, F b) {
    return _mm512_mask_blend_ps(m, b, a);
  }
  [[gnu::always_inline]] static I select(M m, I a, I b) {
    return _mm512_mask_blend_epi32(m, b, a);
  }
  [[gnu::always_inline]] static M mask_and(M a, M b) {
    return static_cast<M>(a & b);
  }
  [[gnu::always_inline]] static M mask_or(M a, M b) {
    return static_cast<M>(a | b);
  }
  [[gnu::always_inline]] static M mask_not(M a) {
    return static_cast<M>(~a);
  }

  [[gnu::always_inline]] static I bit_and(I a, I b) {
    return _mm512_and_si512(a, b);
  }
  [[gnu::always_inline]] static I bit_or(I a, I b) {
    return _mm512_or_si512(a, b);
  }
  [[gnu::always_inline]] static I bit_xor(I a, I b) {
    return _mm512_xor_si512(a, b);
  }
  [[gnu::always_inline]] static I bit_andnot(I a, I b) {
    return _mm512_andnot_si512(a, b);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_left(I a) {
    return _mm512_slli_epi32(a, n);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_right(I a) {
    return _mm512_srli_epi32(a, n);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_right_signed(I a) {
    return _mm512_srai_epi32(a, n);
  }
  [[gnu::always_inline]] static I as_int(F a) {
    return _mm512_castps_si512(a);
  }
  [[gnu::always_inline]] static F as_float(I a) {
    return _mm512_castsi512_ps(a);
  }
  [[gnu::always_inline]] static I load_bytes(const std::uint8_t* p) {
    return _mm512_loadu_si512(p);
  }
  [[gnu::always_inline]] static I load_bytes_n(const std::uint8_t* p, int n) {
    return _mm512_maskz_loadu_epi8(first_bytes(n), p);
  }
  [[gnu::always_inline]] static void store_bytes(std::uint8_t* p, I v) {
    _mm512_storeu_si512(p, v);
  }
  [[gnu::always_inline]] static void store_bytes_n(std::uint8_t* p, I v, int n) {
    _mm512_mask_storeu_epi8(p, first_bytes(n), v);
  }
  [[gnu::always_inline]] static I drop_fourth_bytes(I v) {
    const __m512i three_of_four =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_shuffle_epi8(v, three_of_four));
  }
  [[gnu::always_inline]] static void interleave_three(I a, I b, I c, I (&out)[3]) {
    // Lanes 0, 3, 6 … come from x, 1, 4, 7 … from y, 2, 5, 8 … from z; 16 and more names a lane of the second operand.
    const __m512i first = _mm512_setr_epi32(0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    const __m512i second = _mm512_setr_epi32(5, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10);
    const __m512i third = _mm512_setr_epi32(10, 27, 0, 11, 28, 0, 12, 29, 0, 13, 30, 0, 14, 31, 0, 15);
    const __m512i z_first = _mm512_setr_epi32(0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
    const __m512i z_second = _mm512_setr_epi32(0, 1, 22, 3, 4, 23, 6, 7, 24, 9, 10, 25, 12, 13, 26, 15);
    const __m512i z_third = _mm512_setr_epi32(0, 1, 27, 3, 4, 28, 6, 7, 29, 9, 10, 30, 12, 13, 31, 15);
    out[0] = _mm512_permutex2var_epi32(_mm512_permutex2var_epi32(a, first, b), z_first, c);
    out[1] = _mm512_permutex2var_epi32(_mm512_permutex2var_epi32(b, second, c), z_second, a);
    out[2] = _mm512_permutex2var_epi32(_mm512_permutex2var_epi32(c, third, a), z_third, b);
  }
  [[gnu::always_inline]] static I max_u8(I a, I b) {
    return _mm512_max_epu8(a, b);
  }
  [[gnu::always_inline]] static I load_words_u8(const std::uint8_t* p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  [[gnu::always_inline]] static I add_words(I a, I b) {
    return _mm512_add_epi16(a, b);
  }
  [[gnu::always_inline]] static I sub_words(I a, I b) {
    return _mm512_sub_epi16(a, b);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_left_words(I a) {
    return _mm512_slli_epi16(a, n);
  }
  [[gnu::always_inline]] static I dot2(I acc, I a, I b) {
    return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b));
  }
  [[gnu::always_inline]] static void pin(F& a) {
    __asm__("" : "+v"(a));
  }
  [[gnu::always_inline]] static void pin(I& a) {
    __asm__("" : "+v"(a));
  }
  [[gnu::always_inline]] static constexpr int interleaved_channel(int vector, int lane) {
    return lane / 4 * 16 + vector * 4 + lane % 4;
  }
  [[gnu::always_inline]] static void interleave(I r0, I r1, I r2, I r3, I (&out)[4]) {
    const __m512i low01 = _mm512_unpacklo_epi8(r0, r1), high01 = _mm512_unpackhi_epi8(r0, r1);
    const __m512i low23 = _mm512_unpacklo_epi8(r2, r3), high23 = _mm512_unpackhi_epi8(r2, r3);
    out[0] = _mm512_unpacklo_epi16(low01, low23);
    out[1] = _mm512_unpackhi_epi16(low01, low23);
    out[2] = _mm512_unpacklo_epi16(high01, high23);
    out[3] = _mm512_unpackhi_epi16(high01, high23);
  }
  [[gnu::always_inline]] static I pack_interleaved(I a, I b, I c, I d, I zero_points) {
    return _mm512_packus_epi16(_mm512_adds_epi16(_mm512_packs_epi32(a, b), zero_points),
                               _mm512_adds_epi16(_mm512_packs_epi32(c, d), zero_points));
  }
  [[gnu::always_inline]] static void transpose(I (&r)[16]) {
    __m512i a[16];
    for (int i = 0; i < 16; i += 2) {
      a[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
      a[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
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
      r[j] = _mm512_shuffle_i32x4(even_top, even_bottom, 0x88);
      r[4 + j] = _mm512_shuffle_i32x4(odd_top, odd_bottom, 0x88);
      r[8 + j] = _mm512_shuffle_i32x4(even_top, even_bottom, 0xDD);
      r[12 + j] = _mm512_shuffle_i32x4(odd_top, odd_bottom, 0xDD);
    }
  }

 private:
  [[gnu::always_inline]] static __mmask16 first(int n) {
    return static_cast<__mmask16>(_bzhi_u32(0xFFFFU, static_cast<unsigned>(n)));
  }
  [[gnu::always_inline]] static __mmask64 first_bytes(int n) {
    return n >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << n) - 1U;
  }
  [[gnu::always_inline]] static __m128i to_bytes(I v) {
    return _mm512_cvtusepi32_epi8(_mm512_max_epi32(v, _mm512_setzero_si512()));
  }
};

/// Quads without VNNI: widened to int16 pairs as in simd_avx2.h.
template <>
struct Simd<Avx512> : Simd512<Avx512> {
  struct Q {
    __m512i even, odd;
  };
  struct W {
    __m512i even, odd;
  };
  static constexpr std::size_t weight_bytes = 128;
  [[gnu::always_inline]] static Q broadcast_quad(const std::uint8_t* p) {
    std::int32_t q;
    std::memcpy(&q, p, sizeof q);
    return quads_of(_mm512_set1_epi32(q));
  }
  [[gnu::always_inline]] static Q load_quads(const std::uint8_t* p) {
    return quads_of(_mm512_loadu_si512(p));
  }
  [[gnu::always_inline]] static Q quads_of(I a) {
    return {_mm512_and_si512(a, _mm512_set1_epi16(0xFF)), _mm512_srli_epi16(a, 8)};
  }
  [[gnu::always_inline]] static W load_weights(const void* p) {
    const auto* v = static_cast<const __m512i*>(p);
    return {_mm512_loadu_si512(v), _mm512_loadu_si512(v + 1)};
  }
  [[gnu::always_inline]] static void put_weight(void* p, int lane, int j, std::int8_t w) {
    static_cast<std::int16_t*>(p)[(j & 1) * 32 + lane * 2 + (j >> 1)] = w;
  }
  [[gnu::always_inline]] static I dot4(I acc, Q q, W w) {
    return add(add(acc, _mm512_madd_epi16(q.even, w.even)), _mm512_madd_epi16(q.odd, w.odd));
  }
};

#if defined(__AVX512VNNI__)
template <>
struct Simd<Avx512Vnni> : Simd512<Avx512Vnni> {
  using Q = __m512i;
  using W = __m512i;
  static constexpr std::size_t weight_bytes = 64;
  [[gnu::always_inline]] static Q broadcast_quad(const std::uint8_t* p) {
    std::int32_t q;
    std::memcpy(&q, p, sizeof q);
    return _mm512_set1_epi32(q);
  }
  [[gnu::always_inline]] static Q load_quads(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static Q quads_of(I a) { return a; }
  [[gnu::always_inline]] static W load_weights(const void* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static void put_weight(void* p, int lane, int j, std::int8_t w) {
    static_cast<std::int8_t*>(p)[lane * 4 + j] = w;
  }
  [[gnu::always_inline]] static I dot4(I acc, Q q, W w) { return _mm512_dpbusd_epi32(acc, q, w); }
  [[gnu::always_inline]] static I dot2(I acc, I a, I b) { return _mm512_dpwssd_epi32(acc, a, b); }
};
#endif

/// The 256-bit halves: VNNI in EVEX encoding, or the exact int16 path.
template <>
struct Simd<Half<Avx512>> : Simd256Exact<Half<Avx512>> {};

#if defined(__AVX512VNNI__)
template <class A>
struct DotEvex {
  [[gnu::always_inline]] static __m256i apply(__m256i acc, __m256i q, __m256i w) {
    return _mm256_dpbusd_epi32(acc, q, w);
  }
  [[gnu::always_inline]] static __m256i apply_words(__m256i acc, __m256i a, __m256i b) {
    return _mm256_dpwssd_epi32(acc, a, b);
  }
};

template <>
struct Simd<Half<Avx512Vnni>> : Simd256Vnni<Half<Avx512Vnni>, DotEvex<Half<Avx512Vnni>>> {};
#endif

}  // namespace refcalib::engine::kernels
