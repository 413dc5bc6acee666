#pragma once

#include <cstdint>
#include <span>

#include "engine/kernels/conv/conv.h"

/// 3x3 convolution with fewer multiplications: F(m x m, 3x3) of Winograd, after Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks" (2016). For each tile of m x m outputs of one channel
///
///   Y = A' [ sum_c (G w_c G') * (B' x_c B) ] A        * : element by element, ' : transposed
///
/// over the (m+2)^2 inputs x_c that the tile reads. The sums over c are matrix products of all tiles, one for each of the (m+2)^2
/// places ("frequencies").
///
/// Floats. The result differs from a direct sum by rounding: F(4x4) multiplies the input by up to 10 and adds up terms that cancel. It is
/// the same on every instruction set and for every number of threads: each product is one chain of fused multiply-adds over c from 0, and
/// the transformations have one order (winograd_transform-inl.h). CompileOptions::exact switches it off.
///
/// Integers, u8 times s8 by F(4x4): the result is the direct sum, exactly. Multiples of G that are whole make every number an integer;
/// transformed inputs and weights fit into int16 and are multiplied in pairs that are summed in int32. What the multiples have added is
/// divided out again: powers of two by shifts between the additions of A', the rest by a multiplication with its inverse modulo 2^32. All else
/// is right modulo 2^32, so that sums may wrap; only values that are shifted must fit, which winograd_fits() proves for given weights.
namespace refcalib::engine::kernels {

/// Outputs per side of the tile by which this convolution of floats runs fastest: 2, 4, or 0 for a direct sum. Depends on the geometry
/// alone, so that all instruction sets agree.
std::int64_t winograd_tile(const ConvGeometry& geometry) noexcept;

/// Whether F(4x4) is the fastest way to this convolution of integers on `isa`.
bool winograd_pays_u8s8(const ConvGeometry& geometry, Isa isa) noexcept;

/// Whether no value that IntegerTransform shifts can leave int32, whatever the u8 inputs are. weights: [out][in][3][3].
bool winograd_fits(const ConvGeometry& geometry, const std::int8_t* weights) noexcept;

/// The kernels, best first; each accepts the geometries of its tile, see winograd_tile().
std::span<const ConvKernel> winograd_f32_kernels() noexcept;

/// The kernels of integers, best first. They admit only weights of which winograd_fits() holds.
std::span<const ConvKernel> winograd_u8s8_kernels() noexcept;

/// The one for a machine, if it accepts the geometry. A weaker one may accept what this does not, for it is compared with weaker direct sums.
const ConvKernel* winograd_u8s8_kernel(const ConvGeometry& geometry, Isa isa) noexcept;

}  // namespace refcalib::engine::kernels
