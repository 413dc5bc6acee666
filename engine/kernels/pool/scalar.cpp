#include "engine/kernels/pool/pool-inl.h"

namespace refcalib::engine::kernels {

extern const PoolKernels pool_scalar;
constinit const PoolKernels pool_scalar = make_pool_kernels<Scalar>("pool/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
