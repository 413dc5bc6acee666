#pragma once

#include <span>

#include "engine/kernels/conv/conv.h"

/// Convolution in groups of few channels, as the equation of conv.h says: a vector holds the output channels of as many whole groups as
/// fit, and every step of the sum gives each lane the activation of its own group. Nothing is multiplied by the weights of other
/// groups, so sums are those of conv.h bit for bit. 2-D (and 1-D) only; at least two groups to a vector.
namespace refcalib::engine::kernels {

/// The kernels, best first. There is no scalar one: where none accepts a geometry, those of conv.h do.
std::span<const ConvKernel> gconv_f32_kernels() noexcept;
std::span<const ConvKernel> gconv_u8s8_kernels() noexcept;

}  // namespace refcalib::engine::kernels
