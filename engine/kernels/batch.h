#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
// GCC 12 takes the deliberately undefined source operands inside its own AVX-512 header for uninitialized variables.
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

/// Vectors of f32, i32 and bytes: the vocabulary in which element-wise primitives, pooling, layouts and
/// reductions are written once. Included by instruction-set files only. Each instruction set's types are
/// types of their own and every function is inlined, so that no symbol is shared between files compiled with
/// different flags.
///
/// Arithmetic is IEEE 754 with one rounding per operator; max and min are `a > b ? a : b` and `a < b ? a : b`
/// (b where either is NaN); integers wrap.
#define REFCALIB_INLINE inline __attribute__((always_inline))

namespace refcalib::engine::kernels {

struct Scalar;
struct Avx2;
struct Avx512;

/// The last argument of loads and stores: a whole vector, or its first n elements (0 < n < size). Elements
/// beyond n load as zero, are not stored to, and their memory is not touched.
template <class Arch>
struct Full {};
template <class Arch>
struct First {
  int n;
};

/// `size` is the number of lanes; Bytes has four bytes per lane of the others.
template <class Arch>
struct Floats;
template <class Arch>
struct Ints;
template <class Arch>
struct Bytes;
/// Outcome of a comparison, lane by lane.
template <class Arch>
struct Mask;

}  // namespace refcalib::engine::kernels

#include "engine/kernels/batch_scalar.h"
#if defined(__AVX2__)
#include "engine/kernels/batch_avx2.h"
#endif
#if defined(__AVX512F__)
#include "engine/kernels/batch_avx512.h"
#endif
