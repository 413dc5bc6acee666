#pragma once

#include "engine/cpu/isa.h"

/// One tag for each instruction set; kernels are templates on them (see simd.h), and the files that implement
/// Simd for one of them start from here.
namespace refcalib::engine::kernels {

struct Scalar {
  static constexpr Isa isa = Isa::scalar;
};
struct Avx2 {
  static constexpr Isa isa = Isa::avx2;
};
struct AvxVnni {
  static constexpr Isa isa = Isa::avxvnni;
};
struct Avx512 {
  static constexpr Isa isa = Isa::avx512;
};
struct Avx512Vnni {
  static constexpr Isa isa = Isa::avx512vnni;
};

/// Half as wide as A, for the rest of a row that does not fill A's vectors.
template <class A>
struct Half {
  static constexpr Isa isa = A::isa;
};

template <class A>
struct Simd;

}  // namespace refcalib::engine::kernels

// GCC 12 takes the deliberately undefined source operands inside its AVX-512 header for uninitialized
// variables.
#if defined(__AVX2__)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
#endif
