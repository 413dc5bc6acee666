#pragma once

#include "engine/kernels/simd.h"

/// Words that move whole lanes anywhere within a vector:
///
///   F permute(F, I index)   lane i becomes lane index[i]; 0 <= index[i] < lanes
///   I permute(I, I index)   the same for integers
namespace refcalib::engine::kernels {

template <class A>
struct Lanes;

#if defined(__AVX2__) && defined(__FMA__)
template <>
struct Lanes<Avx2> {
  [[gnu::always_inline]] static __m256 permute(__m256 v, __m256i index) {
    return _mm256_permutevar8x32_ps(v, index);
  }
  [[gnu::always_inline]] static __m256i permute(__m256i v, __m256i index) {
    return _mm256_permutevar8x32_epi32(v, index);
  }
};
template <>
struct Lanes<AvxVnni> : Lanes<Avx2> {};
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
template <>
struct Lanes<Avx512> {
  [[gnu::always_inline]] static __m512 permute(__m512 v, __m512i index) {
    return _mm512_permutexvar_ps(index, v);
  }
  [[gnu::always_inline]] static __m512i permute(__m512i v, __m512i index) {
    return _mm512_permutexvar_epi32(index, v);
  }
};
template <>
struct Lanes<Avx512Vnni> : Lanes<Avx512> {};
#endif

}  // namespace refcalib::engine::kernels
