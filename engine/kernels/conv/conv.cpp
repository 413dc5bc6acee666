#include "engine/kernels/conv/conv.h"

#include <array>

namespace refcalib::engine::kernels {

#define REFCALIB_CONV_F32(isa) extern const ConvKernel conv_f32_##isa;
#define REFCALIB_CONV_U8S8(isa) extern const ConvKernel conv_u8s8_##isa;
#include "engine/kernels/conv/kernels.def"
#undef REFCALIB_CONV_F32
#undef REFCALIB_CONV_U8S8

std::span<const ConvKernel> conv_f32_kernels() noexcept {
  static const std::array table = {
#define REFCALIB_CONV_F32(isa) conv_f32_##isa,
#define REFCALIB_CONV_U8S8(isa)
#include "engine/kernels/conv/kernels.def"
#undef REFCALIB_CONV_F32
#undef REFCALIB_CONV_U8S8
  };
  return table;
}

std::span<const ConvKernel> conv_u8s8_kernels() noexcept {
  static const std::array table = {
#define REFCALIB_CONV_F32(isa)
#define REFCALIB_CONV_U8S8(isa) conv_u8s8_##isa,
#include "engine/kernels/conv/kernels.def"
#undef REFCALIB_CONV_F32
#undef REFCALIB_CONV_U8S8
  };
  return table;
}

std::int64_t output_row_pixel(const ConvGeometry& g, std::int64_t row) noexcept {
  if (g.grid.dense()) return row * g.out_w;
  const std::int64_t y = row % g.out_h, plane = row / g.out_h, z = plane % g.out_d, n = plane / g.out_d;
  return ((n * g.grid.d + z * g.grid.step_d) * g.grid.h + y * g.grid.step_h) * g.grid.w;
}

const ConvKernel* select(std::span<const ConvKernel> table, const ConvGeometry& geometry, Isa isa) noexcept {
  for (const ConvKernel& kernel : table)
    if (includes(isa, kernel.isa) && kernel.accepts(geometry)) return &kernel;
  return nullptr;
}

}  // namespace refcalib::engine::kernels
