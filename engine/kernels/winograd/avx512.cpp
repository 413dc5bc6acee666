#include "engine/kernels/winograd/float_winograd-inl.h"
#include "engine/kernels/winograd/integer_winograd-inl.h"
#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// 32 registers: 24 sums, up to 4 weights, 1 activation.
using FloatProducts = WinogradProducts<FloatStep<Avx512>, 12, 12, 8, 6>;
using IntegerProducts = WinogradProducts<PairStep<Avx512>, 12, 12, 8>;

}  // namespace

extern const ConvKernel winograd4_f32_avx512, winograd2_f32_avx512;
constinit const ConvKernel winograd4_f32_avx512 =
    Winograd<FloatWinograd<Avx512, 4>, FloatProducts>::kernel("winograd_f32/avx512/4x4", Isa::avx512);
constinit const ConvKernel winograd2_f32_avx512 =
    Winograd<FloatWinograd<Avx512, 2>, FloatProducts>::kernel("winograd_f32/avx512/2x2", Isa::avx512);

extern const ConvKernel winograd4_u8s8_avx512;
constinit const ConvKernel winograd4_u8s8_avx512 =
    Winograd<IntegerWinograd<Avx512>, IntegerProducts>::kernel("winograd_u8s8/avx512/4x4", Isa::avx512);

}  // namespace refcalib::engine::kernels
