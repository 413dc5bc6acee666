#include "engine/kernels/dwconv/u8s8-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel dwconv_u8s8_avx512vnni;
constinit const ConvKernel dwconv_u8s8_avx512vnni =
    DepthwiseBytes<Avx512Vnni, Half<Avx512Vnni>>::kernel("dwconv_u8s8/avx512vnni");

}  // namespace refcalib::engine::kernels
