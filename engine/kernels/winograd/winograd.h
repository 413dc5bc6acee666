#pragma once

#include <cstdint>
#include <span>

#include "engine/kernels/conv/conv.h"

/// 3x3 convolution of floats with fewer multiplications: F(m x m, 3x3) of Winograd, after Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks" (2016). For each tile of m x m outputs of one channel
///
///   Y = A' [ sum_c (G w_c G') * (B' x_c B) ] A        * : element by element, ' : transposed
///
/// over the (m+2)^2 inputs x_c that the tile reads. The sums over c are matrix products of all tiles, one for each of the (m+2)^2
/// places ("frequencies").
///
/// The result differs from a direct sum by rounding: F(4x4) multiplies the input by up to 10 and adds up terms that cancel. It is the
/// same on every instruction set and for every number of threads: each product is one chain of fused multiply-adds over c from 0, and
/// the transformations have one order (winograd_transform-inl.h). CompileOptions::exact switches it off.
namespace refcalib::engine::kernels {

/// Outputs per side of the tile by which this convolution runs fastest: 2, 4, or 0 for a direct sum. Depends on the geometry
/// alone, so that all instruction sets agree.
std::int64_t winograd_tile(const ConvGeometry& geometry) noexcept;

/// The kernels, best first; each accepts the geometries of its tile, see winograd_tile().
std::span<const ConvKernel> winograd_f32_kernels() noexcept;

}  // namespace refcalib::engine::kernels
