#include "engine/kernels/dwconv/u8s8-inl.h"

namespace refcalib::engine::kernels {

extern const ConvKernel dwconv_u8s8_avxvnni;
constinit const ConvKernel dwconv_u8s8_avxvnni =
    DepthwiseBytes<AvxVnni, AvxVnni>::kernel("dwconv_u8s8/avxvnni");

}  // namespace refcalib::engine::kernels
