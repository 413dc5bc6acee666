#include "engine/kernels/gconv/gconv-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel gconv_f32_avx2;
constinit const ConvKernel gconv_f32_avx2 = GroupedConv<FloatGroups<Avx2>, 6>::kernel("gconv_f32/avx2");

extern const ConvKernel gconv_u8s8_avx2;
constinit const ConvKernel gconv_u8s8_avx2 = GroupedConv<ByteGroups<Avx2>, 4>::kernel("gconv_u8s8/avx2");

}  // namespace refcalib::engine::kernels
