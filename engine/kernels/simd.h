#pragma once

/// The one layer that knows intrinsics. A kernel is a template on a tag `A` and writes its arithmetic in the
/// words of `Simd<A>`; each instruction set has one specialisation:
///
///   simd_scalar.h  Simd<Scalar>                     1 lane, plain C++: defines what every word means
///   simd_avx2.h    Simd<Avx2>, Simd<AvxVnni>        8 lanes
///   simd_avx512.h  Simd<Avx512>, Simd<Avx512Vnni>   16 lanes
///
/// A specialisation exists only in translation units compiled with its flags (cmake/Isa.cmake). Everything in
/// here is templated on the tag and forced inline, so that no weak symbol compiled for one instruction set
/// can be picked by the linker for another. For the same reason files that are compiled per instruction set
/// use no containers, streams or std:: function templates (std::min, std::fma …).
///
/// Vocabulary (V = Simd<A>; F = V::F floats, I = V::I int32, M = V::M a mask; each V::lanes wide):
///
///   load store            whole vectors, any alignment (float*, int32_t*)
///   load_n store_n        the first n lanes, 0 <= n <= lanes; memory behind them is not touched; loads give 0
///   load_u8 load_u8_n     bytes widened to int32
///   load_s8               signed bytes widened
///   store_u8 store_u8_n   int32 saturated to 0..255
///   pack_u8x4(a,b,c,d,z)  four vectors to 4*lanes bytes in order: saturated to int16, plus z, saturated to u8; z holds one zero
///                         point as a pair of int16 in each lane
///   store_quarters<n>     the first n*lanes bytes of such a vector
///   scatter_quarters(p0,p1,p2,p3,v)   its four quarters to four places
///   broadcast             one value in all lanes (float, int32_t)
///   add sub mul div       F; add sub mul also I (wrapping, low 32 bits)
///   fma(a,b,c)            a*b+c rounded once
///   min(a,b) max(a,b)     F: `a < b ? a : b`, `a > b ? a : b`, hence b if either is NaN; I: the usual
///   abs neg sqrt floor ceil nearbyint(half to even)      F
///   nearbyint_as_int(F)   half to even; NaN and everything outside [-2^31, 2^31) gives INT32_MIN
///   to_float(I)           rounded half to even
///   lt le gt ge eq        F x F -> M, false for NaN; gt eq also I x I -> M
///   select(M,a,b)         lane of a where M, else of b (F, I)
///   mask_and mask_or mask_not   M
///   bit_and bit_or bit_xor bit_andnot(~a & b)   I
///   shift_left<n> shift_right<n>(logical) shift_right_signed<n>   I
///   as_int(F) as_float(I)       reinterpret the bits
///   load_bytes load_bytes_n store_bytes store_bytes_n   4*lanes bytes, or the first 0 <= n < 4*lanes, as an I
///   max_u8                byte by byte, unsigned
///   interleave_three(a,b,c, I (&out)[3])   a0 b0 c0 a1 b1 c1 … over three vectors
///   drop_fourth_bytes     the first three bytes of every lane, close together in front; 0 behind them
///   transpose(I (&)[lanes])     rows[i] lane j <-> rows[j] lane i
///
///   pin(v)                does nothing but claim that v may have changed in its register. In a loop over many sums it
///                         keeps GCC 12 from splitting each sum into two, one of them stored in every round.
///
/// Bytes of four rows, 4*lanes channels each, side by side (what a depthwise dot product wants):
///
///   interleave(r0,r1,r2,r3, I (&out)[4])   dwords (r0[c],r1[c],r2[c],r3[c]); lane k of out[j] is channel
///                                          interleaved_channel(j,k), an order that costs no lane crossing
///   pack_interleaved(a,b,c,d,z)            pack_u8x4 for four vectors in that order: bytes in channel order
///
/// Words: two int16 per lane (vector instruction sets only).
///
///   load_words_u8(p)      2*lanes bytes widened
///   add_words sub_words shift_left_words<n>   wrapping
///   dot2(acc, a, b)       acc + the sum of a lane's two products, wrapping
///
/// Quads: four u8 activations times four s8 weights per int32 lane, summed exactly.
///
///   Q broadcast_quad(p)     the four bytes at p in every lane       Q load_quads(p)  4*lanes bytes
///   Q quads_of(I)           reinterprets dwords of four bytes
///   W load_weights(p)       weight_bytes bytes as written by put_weight
///   put_weight(p,lane,j,w)  packing: weight j (0..3) of `lane` in the weight vector at p
///   dot4(acc, Q, W)         acc + sum_j q[j] * w[j]

#include "engine/kernels/simd_scalar.h"
#include "engine/kernels/simd_tags.h"
#if defined(__AVX2__) && defined(__FMA__)
#include "engine/kernels/simd_avx2.h"
#endif
#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#include "engine/kernels/simd_avx512.h"
#endif
