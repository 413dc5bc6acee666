#include "engine/kernels/winograd/float_winograd-inl.h"
#include "engine/kernels/winograd/integer_winograd-inl.h"
#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// 16 registers: up to 12 sums, 2 weights, 1 activation; products of integers need another.
using FloatProducts = WinogradProducts<FloatStep<Avx2>, 8, 6>;
using IntegerProducts = WinogradProducts<PairStep<Avx2>, 8, 5>;

}  // namespace

extern const ConvKernel winograd4_f32_avx2, winograd2_f32_avx2;
constinit const ConvKernel winograd4_f32_avx2 =
    Winograd<FloatWinograd<Avx2, 4>, FloatProducts>::kernel("winograd_f32/avx2/4x4", Isa::avx2);
constinit const ConvKernel winograd2_f32_avx2 =
    Winograd<FloatWinograd<Avx2, 2>, FloatProducts>::kernel("winograd_f32/avx2/2x2", Isa::avx2);

extern const ConvKernel winograd4_u8s8_avx2;
constinit const ConvKernel winograd4_u8s8_avx2 =
    Winograd<IntegerWinograd<Avx2>, IntegerProducts>::kernel("winograd_u8s8/avx2/4x4", Isa::avx2);

}  // namespace refcalib::engine::kernels
