#include "engine/kernels/conv/conv-inl.h"

namespace refcalib::engine::kernels {

// 32 registers: 24 sums, up to 4 weights, 1 activation.
extern const ConvKernel conv_f32_avx512;
constinit const ConvKernel conv_f32_avx512 =
    Conv<FloatProduct<Avx512>, 4, 12, 12, 8, 6>::kernel("conv_f32/avx512/6x64", Isa::avx512);

extern const ConvKernel conv_u8s8_avx512;
constinit const ConvKernel conv_u8s8_avx512 =
    Conv<PairProduct<Avx512>, 3, 10, 10, 8>::kernel("conv_u8s8/avx512/8x48", Isa::avx512);

}  // namespace refcalib::engine::kernels
