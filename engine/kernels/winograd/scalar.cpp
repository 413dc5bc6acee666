#include "engine/kernels/winograd/winograd-inl.h"

namespace refcalib::engine::kernels {
namespace {

// One lane.
using Products = WinogradProducts<Scalar, 4, 4>;

}  // namespace

extern const ConvKernel winograd4_f32_scalar, winograd2_f32_scalar;
constinit const ConvKernel winograd4_f32_scalar =
    Winograd<Scalar, 4, Products>::kernel("winograd_f32/scalar/4x4", Isa::scalar);
constinit const ConvKernel winograd2_f32_scalar =
    Winograd<Scalar, 2, Products>::kernel("winograd_f32/scalar/2x2", Isa::scalar);

}  // namespace refcalib::engine::kernels
