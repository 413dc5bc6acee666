#pragma once

#include <cstdint>
#include <cstring>

#include "engine/kernels/simd.h"

/// Words for u8 * s8 without VNNI: products are summed in pairs in int16, which saturates, and then in int32. Exact only where no
/// pair can leave int16; who uses them proves it (conv/steps-inl.h).
///
///   I broadcast_four(p)          the four bytes at p in every lane
///   I broadcast_picked(p,order)  bytes p[i], p[j], p[k], p[l] in every lane, for 0 <= i, j, k, l < 16 in each lane of `order`;
///                                reads 16 bytes
///   I load(p)                    4*lanes bytes
///   I dot_pairs(acc, u8, s8)     acc + saturated(u0 s0 + u1 s1) + saturated(u2 s2 + u3 s3) in every lane
namespace refcalib::engine::kernels {

template <class A>
struct Pairs;

#if defined(__AVX2__) && defined(__FMA__)
template <>
struct Pairs<Avx2> {
  using I = __m256i;
  static constexpr int bytes = 32;
  [[gnu::always_inline]] static I load(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  [[gnu::always_inline]] static I broadcast_four(const std::uint8_t* p) {
    std::int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
  }
  [[gnu::always_inline]] static I broadcast_picked(const std::uint8_t* p, I order) {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(all), order);
  }
  [[gnu::always_inline]] static I dot_pairs(I acc, I u8, I s8) {
    return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_maddubs_epi16(u8, s8), _mm256_set1_epi16(1)));
  }
};
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
template <>
struct Pairs<Avx512> {
  using I = __m512i;
  static constexpr int bytes = 64;
  [[gnu::always_inline]] static I load(const void* p) { return _mm512_loadu_si512(p); }
  [[gnu::always_inline]] static I broadcast_four(const std::uint8_t* p) {
    std::int32_t four;
    std::memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
  }
  [[gnu::always_inline]] static I broadcast_picked(const std::uint8_t* p, I order) {
    const __m128i all = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(all), order);
  }
  [[gnu::always_inline]] static I dot_pairs(I acc, I u8, I s8) {
    return _mm512_add_epi32(acc, _mm512_madd_epi16(_mm512_maddubs_epi16(u8, s8), _mm512_set1_epi16(1)));
  }
};
#endif

}  // namespace refcalib::engine::kernels
