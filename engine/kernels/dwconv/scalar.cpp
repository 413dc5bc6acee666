#include "engine/kernels/dwconv/f32-inl.h"
#include "engine/kernels/dwconv/u8s8-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel dwconv_f32_scalar;
constinit const ConvKernel dwconv_f32_scalar = DepthwiseFloat<Scalar>::kernel("dwconv_f32/scalar");

extern const ConvKernel dwconv_u8s8_scalar;
constinit const ConvKernel dwconv_u8s8_scalar = DepthwiseBytes<Scalar, Scalar>::kernel("dwconv_u8s8/scalar");

}  // namespace refcalib::engine::kernels
