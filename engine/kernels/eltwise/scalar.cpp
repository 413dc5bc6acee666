#include "engine/kernels/eltwise/eltwise-inl.h"

namespace refcalib::engine::kernels {

extern const EltwiseKernels eltwise_scalar;
constinit const EltwiseKernels eltwise_scalar = make_eltwise_kernels<Scalar>("eltwise/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
