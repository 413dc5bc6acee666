#include "engine/kernels/conv/conv-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel conv_f32_scalar;
constinit const ConvKernel conv_f32_scalar =
    Conv<FloatProduct<Scalar>, 4, 4, 4, 4, 4>::kernel("conv_f32/scalar/4x4", Isa::scalar);

extern const ConvKernel conv_u8s8_scalar;
constinit const ConvKernel conv_u8s8_scalar =
    Conv<QuadProduct<Scalar>, 4, 4, 4, 4, 4>::kernel("conv_u8s8/scalar/4x4", Isa::scalar);

}  // namespace refcalib::engine::kernels
