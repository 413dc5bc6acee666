#include "engine/kernels/normalize/normalize-inl.h"

namespace refcalib::engine::kernels {

extern const NormalizeKernels normalize_scalar;
constinit const NormalizeKernels normalize_scalar =
    make_normalize_kernels<Scalar>("normalize/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
