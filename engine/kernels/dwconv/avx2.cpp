#include "engine/kernels/dwconv/f32-inl.h"
#include "engine/kernels/dwconv/u8s8-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel dwconv_f32_avx2;
constinit const ConvKernel dwconv_f32_avx2 = DepthwiseFloat<Avx2>::kernel("dwconv_f32/avx2");

extern const ConvKernel dwconv_u8s8_avx2;
constinit const ConvKernel dwconv_u8s8_avx2 = DepthwiseBytes<Avx2, Avx2>::kernel("dwconv_u8s8/avx2");

}  // namespace refcalib::engine::kernels
