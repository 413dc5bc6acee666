#include "engine/kernels/gconv/gconv-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel gconv_u8s8_avxvnni;
constinit const ConvKernel gconv_u8s8_avxvnni =
    GroupedConv<ByteGroups<AvxVnni>, 6>::kernel("gconv_u8s8/avxvnni");

}  // namespace refcalib::engine::kernels
