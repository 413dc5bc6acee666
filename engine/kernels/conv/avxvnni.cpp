#include "engine/kernels/conv/conv-inl.h"

namespace refcalib::engine::kernels {

// 16 registers: 6 x 2 sums, 2 weights, 1 activation.
extern const ConvKernel conv_u8s8_avxvnni;
constinit const ConvKernel conv_u8s8_avxvnni =
    Conv<QuadProduct<AvxVnni>, 2, 8, 6>::kernel("conv_u8s8/avxvnni/6x16", Isa::avxvnni);

}  // namespace refcalib::engine::kernels
