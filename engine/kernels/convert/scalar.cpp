#include "engine/kernels/convert/convert-inl.h"

namespace refcalib::engine::kernels {

extern const ConvertKernels convert_scalar;
constinit const ConvertKernels convert_scalar = make_convert_kernels<Scalar>("convert/scalar", Isa::scalar);

}  // namespace refcalib::engine::kernels
