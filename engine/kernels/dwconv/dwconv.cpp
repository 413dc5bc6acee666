#include <array>

#include "engine/kernels/conv/conv.h"

namespace refcalib::engine::kernels {

#define REFCALIB_DWCONV_F32(isa) extern const ConvKernel dwconv_f32_##isa;
#define REFCALIB_DWCONV_U8S8(isa) extern const ConvKernel dwconv_u8s8_##isa;
#include "engine/kernels/dwconv/kernels.def"
#undef REFCALIB_DWCONV_F32
#undef REFCALIB_DWCONV_U8S8

std::span<const ConvKernel> dwconv_f32_kernels() noexcept {
  static const std::array table = {
#define REFCALIB_DWCONV_F32(isa) dwconv_f32_##isa,
#define REFCALIB_DWCONV_U8S8(isa)
#include "engine/kernels/dwconv/kernels.def"
#undef REFCALIB_DWCONV_F32
#undef REFCALIB_DWCONV_U8S8
  };
  return table;
}

std::span<const ConvKernel> dwconv_u8s8_kernels() noexcept {
  static const std::array table = {
#define REFCALIB_DWCONV_F32(isa)
#define REFCALIB_DWCONV_U8S8(isa) dwconv_u8s8_##isa,
#include "engine/kernels/dwconv/kernels.def"
#undef REFCALIB_DWCONV_F32
#undef REFCALIB_DWCONV_U8S8
  };
  return table;
}

}  // namespace refcalib::engine::kernels
