#include "engine/kernels/lrn/lrn-inl.h"

namespace refcalib::engine::kernels {

extern const LrnKernels lrn_scalar;
constinit const LrnKernels lrn_scalar = make_lrn_kernels<Scalar>("lrn/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
