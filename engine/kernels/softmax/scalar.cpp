#include "engine/kernels/softmax/softmax-inl.h"

namespace refcalib::engine::kernels {

extern const SoftmaxKernels softmax_scalar;
constinit const SoftmaxKernels softmax_scalar = make_softmax_kernels<Scalar>("softmax/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
