#include "engine/kernels/matmul/matmul-inl.h"

namespace refcalib::engine::kernels {

extern const MatMulKernel matmul_scalar;
constinit const MatMulKernel matmul_scalar =
    MatMul<Scalar, 4, 4, 4, 4, 4>::kernel("matmul/scalar/4x4", Isa::scalar);

}  // namespace refcalib::engine::kernels
