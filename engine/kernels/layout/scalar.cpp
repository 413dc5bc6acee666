#include "engine/kernels/layout/layout-inl.h"

namespace refcalib::engine::kernels {

extern const LayoutKernels layout_scalar;
constinit const LayoutKernels layout_scalar = make_layout_kernels<Scalar>("layout/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
