#include "engine/kernels/gconv/gconv-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel gconv_u8s8_avx512vnni;
constinit const ConvKernel gconv_u8s8_avx512vnni =
    GroupedConv<ByteGroups<Avx512Vnni>, 8>::kernel("gconv_u8s8/avx512vnni");

}  // namespace refcalib::engine::kernels
