#include "engine/kernels/winograd/float_winograd-inl.h"
#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// One lane.
using FloatProducts = WinogradProducts<FloatStep<Scalar>, 4, 4>;

}  // namespace

extern const ConvKernel winograd4_f32_scalar, winograd2_f32_scalar;
constinit const ConvKernel winograd4_f32_scalar =
    Winograd<FloatWinograd<Scalar, 4>, FloatProducts>::kernel("winograd_f32/scalar/4x4", Isa::scalar);
constinit const ConvKernel winograd2_f32_scalar =
    Winograd<FloatWinograd<Scalar, 2>, FloatProducts>::kernel("winograd_f32/scalar/2x2", Isa::scalar);

}  // namespace refcalib::engine::kernels
