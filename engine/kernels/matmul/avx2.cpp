#include "engine/kernels/matmul/matmul-inl.h"

namespace refcalib::engine::kernels {

// 16 registers: 6 x 2 sums, 2 weights, 1 activation.
extern const MatMulKernel matmul_avx2;
constinit const MatMulKernel matmul_avx2 = MatMul<Avx2, 2, 8, 6>::kernel("matmul/avx2/6x16", Isa::avx2);

}  // namespace refcalib::engine::kernels
