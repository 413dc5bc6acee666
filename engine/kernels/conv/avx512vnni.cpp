#include "engine/kernels/conv/conv-inl.h"

namespace refcalib::engine::kernels {

// 32 registers: 24 sums, up to 4 weights, 1 activation; ten rows, since the pointers of more do not fit into the general registers.
extern const ConvKernel conv_u8s8_avx512vnni;
constinit const ConvKernel conv_u8s8_avx512vnni =
    Conv<QuadProduct<Avx512Vnni>, 4, 10, 10, 8, 6>::kernel("conv_u8s8/avx512vnni/6x64", Isa::avx512vnni);

}  // namespace refcalib::engine::kernels
