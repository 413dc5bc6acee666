#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// 16 registers: up to 12 sums, 2 weights, 1 activation.
using Products = WinogradProducts<Avx2, 8, 6>;

}  // namespace

extern const ConvKernel winograd4_f32_avx2, winograd2_f32_avx2;
constinit const ConvKernel winograd4_f32_avx2 =
    Winograd<Avx2, 4, Products>::kernel("winograd_f32/avx2/4x4", Isa::avx2);
constinit const ConvKernel winograd2_f32_avx2 =
    Winograd<Avx2, 2, Products>::kernel("winograd_f32/avx2/2x2", Isa::avx2);

}  // namespace refcalib::engine::kernels
