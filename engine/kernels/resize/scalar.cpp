#include "engine/kernels/resize/resize-inl.h"

namespace refcalib::engine::kernels {

extern const ResizeKernels resize_scalar;
constinit const ResizeKernels resize_scalar = make_resize_kernels<Scalar>("resize/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
