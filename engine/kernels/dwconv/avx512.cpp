#include "engine/kernels/dwconv/f32-inl.h"
#include "engine/kernels/dwconv/u8s8-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel dwconv_f32_avx512;
constinit const ConvKernel dwconv_f32_avx512 = DepthwiseFloat<Avx512>::kernel("dwconv_f32/avx512");

extern const ConvKernel dwconv_u8s8_avx512;
constinit const ConvKernel dwconv_u8s8_avx512 =
    DepthwiseBytes<Avx512, Half<Avx512>>::kernel("dwconv_u8s8/avx512");

}  // namespace refcalib::engine::kernels
