#include "engine/kernels/matmul/matmul-inl.h"

namespace refcalib::engine::kernels {

// 32 registers: 24 sums, up to 4 weights, 1 activation.
extern const MatMulKernel matmul_avx512;
constinit const MatMulKernel matmul_avx512 =
    MatMul<Avx512, 4, 12, 12, 8, 6>::kernel("matmul/avx512/6x64", Isa::avx512);

}  // namespace refcalib::engine::kernels
