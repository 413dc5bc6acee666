#include "engine/kernels/gconv/gconv-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel gconv_f32_avx512;
constinit const ConvKernel gconv_f32_avx512 = GroupedConv<FloatGroups<Avx512>, 8>::kernel("gconv_f32/avx512");

extern const ConvKernel gconv_u8s8_avx512;
constinit const ConvKernel gconv_u8s8_avx512 =
    GroupedConv<ByteGroups<Avx512>, 6>::kernel("gconv_u8s8/avx512");

}  // namespace refcalib::engine::kernels
