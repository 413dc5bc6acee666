#include "engine/kernels/peak/peak-inl.h"

namespace refcalib::engine::kernels {

extern const PeakKernel peak_scalar;
constinit const PeakKernel peak_scalar = Peak<Scalar, 4, 2, 2>::kernel();

}  // namespace refcalib::engine::kernels
