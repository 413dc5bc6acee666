#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/simd_tags.h"

namespace refcalib::engine::kernels {

/// Eight lanes. A mask is a vector of all-ones and all-zeros lanes.
template <class A>
struct Simd256 {
  static constexpr int lanes = 8;
  using F = __m256;
  using I = __m256i;
  using M = __m256;

  [[gnu::always_inline]] static F load(const float* p) { return _mm256_loadu_ps(p); }
  [[gnu::always_inline]] static I load(const std::int32_t* p) { return _mm256_loadu_si256(as_vector(p)); }
  [[gnu::always_inline]] static void store(float* p, F v) { _mm256_storeu_ps(p, v); }
  [[gnu::always_inline]] static void store(std::int32_t* p, I v) { _mm256_storeu_si256(as_vector(p), v); }
  [[gnu::always_inline]] static F load_n(const float* p, int n) { return _mm256_maskload_ps(p, first(n)); }
  [[gnu::always_inline]] static I load_n(const std::int32_t* p, int n) {
    return _mm256_maskload_epi32(p, first(n));
  }
  [[gnu::always_inline]] static void store_n(float* p, F v, int n) { _mm256_maskstore_ps(p, first(n), v); }
  [[gnu::always_inline]] static void store_n(std::int32_t* p, I v, int n) {
    _mm256_maskstore_epi32(p, first(n), v);
  }
  [[gnu::always_inline]] static I load_u8(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  [[gnu::always_inline]] static I load_u8_n(const std::uint8_t* p, int n) {
    std::uint8_t block[8] = {};
    copy_bytes(block, p, n);
    return load_u8(block);
  }
  [[gnu::always_inline]] static I load_s8(const std::int8_t* p) {
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
  [[gnu::always_inline]] static void store_u8(std::uint8_t* p, I v) {
    const __m256i words = _mm256_packs_epi32(v, v);  // per half: four words, twice
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const __m128i joined =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), joined);
  }
  [[gnu::always_inline]] static void store_u8_n(std::uint8_t* p, I v, int n) {
    std::uint8_t block[8];
    store_u8(block, v);
    copy_bytes(p, block, n);
  }
  [[gnu::always_inline]] static I pack_u8x4(I a, I b, I c, I d, I zero_points) {
    const __m256i bytes = pack_interleaved(a, b, c, d, zero_points);
    // The packs work within 128-bit halves; this puts the eight groups of four bytes in order.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(bytes, order);
  }
  [[gnu::always_inline]] static void scatter_quarters(std::uint8_t* p0, std::uint8_t* p1, std::uint8_t* p2,
                                                      std::uint8_t* p3, I v) {
    const __m128i low = _mm256_castsi256_si128(v), high = _mm256_extracti128_si256(v, 1);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p0), low);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p1), _mm_unpackhi_epi64(low, low));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p2), high);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p3), _mm_unpackhi_epi64(high, high));
  }
  template <int vectors>
  [[gnu::always_inline]] static void store_quarters(std::uint8_t* p, I v) {
    if constexpr (vectors == 4) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
      return;
    }
    if constexpr (vectors == 1)
      _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(v));
    else
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(v));
    if constexpr (vectors == 3)
      _mm_storel_epi64(reinterpret_cast<__m128i*>(p + 16), _mm256_extracti128_si256(v, 1));
  }
  [[gnu::always_inline]] static F broadcast(float x) { return _mm256_set1_ps(x); }
  [[gnu::always_inline]] static I broadcast(std::int32_t x) { return _mm256_set1_epi32(x); }

  [[gnu::always_inline]] static F add(F a, F b) { return _mm256_add_ps(a, b); }
  [[gnu::always_inline]] static F sub(F a, F b) { return _mm256_sub_ps(a, b); }
  [[gnu::always_inline]] static F mul(F a, F b) { return _mm256_mul_ps(a, b); }
  [[gnu::always_inline]] static F div(F a, F b) { return _mm256_div_ps(a, b); }
  [[gnu::always_inline]] static I add(I a, I b) { return _mm256_add_epi32(a, b); }
  [[gnu::always_inline]] static I sub(I a, I b) { return _mm256_sub_epi32(a, b); }
  [[gnu::always_inline]] static I mul(I a, I b) { return _mm256_mullo_epi32(a, b); }
  [[gnu::always_inline]] static F fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  [[gnu::always_inline]] static F min(F a, F b) { return _mm256_min_ps(a, b); }
  [[gnu::always_inline]] static F max(F a, F b) { return _mm256_max_ps(a, b); }
  [[gnu::always_inline]] static I min(I a, I b) { return _mm256_min_epi32(a, b); }
  [[gnu::always_inline]] static I max(I a, I b) { return _mm256_max_epi32(a, b); }
  [[gnu::always_inline]] static F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a); }
  [[gnu::always_inline]] static F neg(F a) { return _mm256_xor_ps(_mm256_set1_ps(-0.0F), a); }
  [[gnu::always_inline]] static F sqrt(F a) { return _mm256_sqrt_ps(a); }
  [[gnu::always_inline]] static F floor(F a) { return _mm256_floor_ps(a); }
  [[gnu::always_inline]] static F ceil(F a) { return _mm256_ceil_ps(a); }
  [[gnu::always_inline]] static F nearbyint(F a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  [[gnu::always_inline]] static I nearbyint_as_int(F a) { return _mm256_cvtps_epi32(a); }
  [[gnu::always_inline]] static F to_float(I a) { return _mm256_cvtepi32_ps(a); }

  [[gnu::always_inline]] static M lt(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  [[gnu::always_inline]] static M le(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
  [[gnu::always_inline]] static M gt(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
  [[gnu::always_inline]] static M ge(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
  [[gnu::always_inline]] static M eq(F a, F b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
  [[gnu::always_inline]] static M gt(I a, I b) { return as_float(_mm256_cmpgt_epi32(a, b)); }
  [[gnu::always_inline]] static M eq(I a, I b) { return as_float(_mm256_cmpeq_epi32(a, b)); }
  [[gnu::always_inline]] static F select(M m, F a, F b) { return _mm256_blendv_ps(b, a, m); }
  [[gnu::always_inline]] static I select(M m, I a, I b) {
    return as_int(_mm256_blendv_ps(as_float(b), as_float(a), m));
  }
  [[gnu::always_inline]] static M mask_and(M a, M b) { return _mm256_and_ps(a, b); }
  [[gnu::always_inline]] static M mask_or(M a, M b) { return _mm256_or_ps(a, b); }
  [[gnu::always_inline]] static M mask_not(M a) { return _mm256_xor_ps(a, as_float(_mm256_set1_epi32(-1))); }

  [[gnu::always_inline]] static I bit_and(I a, I b) { return _mm256_and_si256(a, b); }
  [[gnu::always_inline]] static I bit_or(I a, I b) { return _mm256_or_si256(a, b); }
  [[gnu::always_inline]] static I bit_xor(I a, I b) { return _mm256_xor_si256(a, b); }
  [[gnu::always_inline]] static I bit_andnot(I a, I b) { return _mm256_andnot_si256(a, b); }
  template <int n>
  [[gnu::always_inline]] static I shift_left(I a) {
    return _mm256_slli_epi32(a, n);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_right(I a) {
    return _mm256_srli_epi32(a, n);
  }
  template <int n>
  [[gnu::always_inline]] static I shift_right_signed(I a) {
    return _mm256_srai_epi32(a, n);
  }
  [[gnu::always_inline]] static I as_int(F a) { return _mm256_castps_si256(a); }
  [[gnu::always_inline]] static F as_float(I a) { return _mm256_castsi256_ps(a); }
  [[gnu::always_inline]] static I load_bytes(const std::uint8_t* p) {
    return _mm256_loadu_si256(as_vector(p));
  }
  [[gnu::always_inline]] static I load_bytes_n(const std::uint8_t* p, int n) {
    alignas(32) std::uint8_t block[32] = {};
    copy_part<32>(block, p, n);
    return load_bytes(block);
  }
  [[gnu::always_inline]] static void store_bytes(std::uint8_t* p, I v) {
    _mm256_storeu_si256(as_vector(p), v);
  }
  [[gnu::always_inline]] static void store_bytes_n(std::uint8_t* p, I v, int n) {
    alignas(32) std::uint8_t block[32];
    store_bytes(block, v);
    copy_part<32>(p, block, n);
  }
  [[gnu::always_inline]] static I drop_fourth_bytes(I v) {
    const __m256i three_of_four =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(v, three_of_four), order);
  }
  [[gnu::always_inline]] static void interleave_three(I a, I b, I c, I (&out)[3]) {
    // Lanes 0, 3, 6 come from x, 1, 4, 7 from y, 2, 5 from z.
    const auto merge = [](__m256i x, __m256i y, __m256i z) __attribute__((always_inline)) {
      return _mm256_blend_epi32(_mm256_blend_epi32(x, y, 0x92), z, 0x24);
    };
    const auto pick = [](__m256i v, int l0, int l1, int l2) __attribute__((always_inline)) {
      return _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(l0, l0, l0, l1, l1, l1, l2, l2));
    };
    out[0] = merge(pick(a, 0, 1, 2), pick(b, 0, 1, 2), pick(c, 0, 1, 2));
    out[1] = merge(pick(c, 2, 3, 4), pick(a, 3, 4, 5), pick(b, 3, 4, 5));
    out[2] = merge(pick(b, 5, 6, 7), pick(c, 5, 6, 7), pick(a, 6, 7, 7));
  }
  [[gnu::always_inline]] static I max_u8(I a, I b) { return _mm256_max_epu8(a, b); }
  [[gnu::always_inline]] static I load_words_u8(const std::uint8_t* p) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  [[gnu::always_inline]] static I add_words(I a, I b) { return _mm256_add_epi16(a, b); }
  [[gnu::always_inline]] static I sub_words(I a, I b) { return _mm256_sub_epi16(a, b); }
  template <int n>
  [[gnu::always_inline]] static I shift_left_words(I a) {
    return _mm256_slli_epi16(a, n);
  }
  [[gnu::always_inline]] static I dot2(I acc, I a, I b) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
  }
  [[gnu::always_inline]] static void pin(F& a) { __asm__("" : "+x"(a)); }
  [[gnu::always_inline]] static void pin(I& a) { __asm__("" : "+x"(a)); }
  [[gnu::always_inline]] static constexpr int interleaved_channel(int vector, int lane) {
    return lane / 4 * 16 + vector * 4 + lane % 4;
  }
  [[gnu::always_inline]] static void interleave(I r0, I r1, I r2, I r3, I (&out)[4]) {
    const __m256i low01 = _mm256_unpacklo_epi8(r0, r1), high01 = _mm256_unpackhi_epi8(r0, r1);
    const __m256i low23 = _mm256_unpacklo_epi8(r2, r3), high23 = _mm256_unpackhi_epi8(r2, r3);
    out[0] = _mm256_unpacklo_epi16(low01, low23);
    out[1] = _mm256_unpackhi_epi16(low01, low23);
    out[2] = _mm256_unpacklo_epi16(high01, high23);
    out[3] = _mm256_unpackhi_epi16(high01, high23);
  }
  [[gnu::always_inline]] static I pack_interleaved(I a, I b, I c, I d, I zero_points) {
    return _mm256_packus_epi16(_mm256_adds_epi16(_mm256_packs_epi32(a, b), zero_points),
                               _mm256_adds_epi16(_mm256_packs_epi32(c, d), zero_points));
  }
  [[gnu::always_inline]] static void transpose(I (&r)[8]) {
    __m256i a[8];
    for (int i = 0; i < 8; i += 2) {
      a[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
      a[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
    }
    __m256i
        b[8];  // b[4 * i + j]: rows 4i..4i+3 of column j in the low half, of column 4 + j in the high half
    for (int i = 0; i < 8; i += 4) {
      b[i] = _mm256_unpacklo_epi64(a[i], a[i + 2]);
      b[i + 1] = _mm256_unpackhi_epi64(a[i], a[i + 2]);
      b[i + 2] = _mm256_unpacklo_epi64(a[i + 1], a[i + 3]);
      b[i + 3] = _mm256_unpackhi_epi64(a[i + 1], a[i + 3]);
    }
    for (int j = 0; j < 4; ++j) {
      r[j] = _mm256_permute2x128_si256(b[j], b[4 + j], 0x20);
      r[4 + j] = _mm256_permute2x128_si256(b[j], b[4 + j], 0x31);
    }
  }

 private:
  [[gnu::always_inline]] static const __m256i* as_vector(const void* p) {
    return static_cast<const __m256i*>(p);
  }
  [[gnu::always_inline]] static __m256i* as_vector(void* p) { return static_cast<__m256i*>(p); }
  [[gnu::always_inline]] static __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  [[gnu::always_inline]] static void copy_bytes(std::uint8_t* to, const std::uint8_t* from, int n) {
    if (n >= 8) {
      std::memcpy(to, from, 8);
    } else {
      copy_part<8>(to, from, n);
    }
  }
  /// The first 0 <= n < Size bytes; a call of memcpy would cost more than the vector around it.
  template <int Size>
  [[gnu::always_inline]] static void copy_part(std::uint8_t* to, const std::uint8_t* from, int n) {
    if constexpr (Size == 32) {
      if ((n & 16) != 0) {
        std::memcpy(to, from, 16);
        to += 16;
        from += 16;
      }
      if ((n & 8) != 0) {
        std::memcpy(to, from, 8);
        to += 8;
        from += 8;
      }
    }
    if ((n & 4) != 0) {
      std::memcpy(to, from, 4);
      to += 4;
      from += 4;
    }
    if ((n & 2) != 0) {
      std::memcpy(to, from, 2);
      to += 2;
      from += 2;
    }
    if ((n & 1) != 0) {
      *to = *from;
    }
  }
};

/// Quads without VNNI. vpmaddubsw would saturate its int16 pair sums (up to 64770), so bytes are widened to
/// int16 and vpmaddwd sums pairs in int32: bytes 0 and 2 of a quad form one pair, 1 and 3 the other, because
/// these need a mask and a shift only. Weights are widened while packing: [even, odd][lane][2].
template <class A>
struct Simd256Exact : Simd256<A> {
  using typename Simd256<A>::I;
  using Simd256<A>::add;
  struct Q {
    __m256i even, odd;
  };
  struct W {
    __m256i even, odd;
  };
  static constexpr std::size_t weight_bytes = 64;
  [[gnu::always_inline]] static Q broadcast_quad(const std::uint8_t* p) {
    std::int32_t q;
    std::memcpy(&q, p, sizeof q);
    return quads_of(_mm256_set1_epi32(q));
  }
  [[gnu::always_inline]] static Q load_quads(const std::uint8_t* p) {
    return quads_of(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  [[gnu::always_inline]] static Q quads_of(I a) {
    return {_mm256_and_si256(a, _mm256_set1_epi16(0xFF)), _mm256_srli_epi16(a, 8)};
  }
  [[gnu::always_inline]] static W load_weights(const void* p) {
    const auto* v = static_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1)};
  }
  [[gnu::always_inline]] static void put_weight(void* p, int lane, int j, std::int8_t w) {
    static_cast<std::int16_t*>(p)[(j & 1) * 16 + lane * 2 + (j >> 1)] = w;
  }
  [[gnu::always_inline]] static I dot4(I acc, Q q, W w) {
    return add(add(acc, _mm256_madd_epi16(q.even, w.even)), _mm256_madd_epi16(q.odd, w.odd));
  }
};

template <>
struct Simd<Avx2> : Simd256Exact<Avx2> {};

/// Quads with a dot-product instruction over 256 bits; `Dot` is the instruction (VEX or EVEX encoding).
template <class A, class Dot>
struct Simd256Vnni : Simd256<A> {
  using typename Simd256<A>::I;
  using Q = __m256i;
  using W = __m256i;
  static constexpr std::size_t weight_bytes = 32;
  [[gnu::always_inline]] static Q broadcast_quad(const std::uint8_t* p) {
    std::int32_t q;
    std::memcpy(&q, p, sizeof q);
    return _mm256_set1_epi32(q);
  }
  [[gnu::always_inline]] static Q load_quads(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  [[gnu::always_inline]] static Q quads_of(I a) { return a; }
  [[gnu::always_inline]] static W load_weights(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  [[gnu::always_inline]] static void put_weight(void* p, int lane, int j, std::int8_t w) {
    static_cast<std::int8_t*>(p)[lane * 4 + j] = w;
  }
  [[gnu::always_inline]] static I dot4(I acc, Q q, W w) { return Dot::apply(acc, q, w); }
  [[gnu::always_inline]] static I dot2(I acc, I a, I b) { return Dot::apply_words(acc, a, b); }
};

#if defined(__AVXVNNI__)
template <class A>
struct DotVex {
  [[gnu::always_inline]] static __m256i apply(__m256i acc, __m256i q, __m256i w) {
    return _mm256_dpbusd_avx_epi32(acc, q, w);
  }
  [[gnu::always_inline]] static __m256i apply_words(__m256i acc, __m256i a, __m256i b) {
    return _mm256_dpwssd_avx_epi32(acc, a, b);
  }
};

template <>
struct Simd<AvxVnni> : Simd256Vnni<AvxVnni, DotVex<AvxVnni>> {};
#endif

}  // namespace refcalib::engine::kernels
