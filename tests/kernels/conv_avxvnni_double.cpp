// The avxvnni kernels in the encoding of AVX-512: the same templates and tile shapes over 256-bit dot products, so that processors
// without the VEX encoding test them too. Compiled with the flags of avx512vnni.

#include "tests/kernels/conv_avxvnni_double.h"

#if defined(__AVX512VNNI__)
#include "engine/kernels/conv/conv-inl.h"
#include "engine/kernels/dwconv/u8s8-inl.h"

namespace refcalib::engine::kernels {

constinit const ConvKernel conv_u8s8_avxvnni_double =
    Conv<QuadProduct<Half<Avx512Vnni>>, 2, 8, 6>::kernel("conv_u8s8/avxvnni double", Isa::avx512vnni);
constinit const ConvKernel dwconv_u8s8_avxvnni_double =
    DepthwiseBytes<Half<Avx512Vnni>, Half<Avx512Vnni>>::kernel("dwconv_u8s8/avxvnni double");

}  // namespace refcalib::engine::kernels
#endif
