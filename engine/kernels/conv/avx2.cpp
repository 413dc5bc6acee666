#include "engine/kernels/conv/conv-inl.h"

namespace refcalib::engine::kernels {

// 16 registers: 6 x 2 sums, 2 weights, 1 activation; pairs: 4 x 3 sums, 1 activation, 1 product, the ones and the order.
extern const ConvKernel conv_f32_avx2;
constinit const ConvKernel conv_f32_avx2 =
    Conv<FloatProduct<Avx2>, 2, 8, 6>::kernel("conv_f32/avx2/6x16", Isa::avx2);

extern const ConvKernel conv_u8s8_avx2;
constinit const ConvKernel conv_u8s8_avx2 =
    Conv<PairProduct<Avx2>, 3, 8, 6, 4>::kernel("conv_u8s8/avx2/4x24", Isa::avx2);

}  // namespace refcalib::engine::kernels
