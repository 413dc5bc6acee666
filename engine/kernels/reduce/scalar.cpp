#include "engine/kernels/reduce/reduce-inl.h"

namespace refcalib::engine::kernels {

extern const ReduceKernels reduce_scalar;
constinit const ReduceKernels reduce_scalar = make_reduce_kernels<Scalar>("reduce/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
