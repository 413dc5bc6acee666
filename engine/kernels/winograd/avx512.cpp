#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// 32 registers: 24 sums, up to 4 weights, 1 activation.
using Products = WinogradProducts<Avx512, 12, 12, 8, 6>;

}  // namespace

extern const ConvKernel winograd4_f32_avx512, winograd2_f32_avx512;
constinit const ConvKernel winograd4_f32_avx512 =
    Winograd<Avx512, 4, Products>::kernel("winograd_f32/avx512/4x4", Isa::avx512);
constinit const ConvKernel winograd2_f32_avx512 =
    Winograd<Avx512, 2, Products>::kernel("winograd_f32/avx512/2x2", Isa::avx512);

}  // namespace refcalib::engine::kernels
