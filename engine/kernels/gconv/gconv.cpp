#include "engine/kernels/gconv/gconv.h"

#include <vector>

namespace refcalib::engine::kernels {

#define REFCALIB_GCONV_F32(isa) extern const ConvKernel gconv_f32_##isa;
#define REFCALIB_GCONV_U8S8(isa) extern const ConvKernel gconv_u8s8_##isa;
#include "engine/kernels/gconv/kernels.def"
#undef REFCALIB_GCONV_F32
#undef REFCALIB_GCONV_U8S8

std::span<const ConvKernel> gconv_f32_kernels() noexcept {
  static const std::vector<ConvKernel> table = {
#define REFCALIB_GCONV_F32(isa) gconv_f32_##isa,
#define REFCALIB_GCONV_U8S8(isa)
#include "engine/kernels/gconv/kernels.def"
#undef REFCALIB_GCONV_F32
#undef REFCALIB_GCONV_U8S8
  };
  return table;
}

std::span<const ConvKernel> gconv_u8s8_kernels() noexcept {
  static const std::vector<ConvKernel> table = {
#define REFCALIB_GCONV_F32(isa)
#define REFCALIB_GCONV_U8S8(isa) gconv_u8s8_##isa,
#include "engine/kernels/gconv/kernels.def"
#undef REFCALIB_GCONV_F32
#undef REFCALIB_GCONV_U8S8
  };
  return table;
}

}  // namespace refcalib::engine::kernels
