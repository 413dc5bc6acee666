#include "engine/kernels/layout/layout.h"

#include <algorithm>

#include "engine/kernels/layout/units.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const LayoutKernels layout_##isa;
#include "engine/kernels/layout/kernels.def"
#undef REFCALIB_KERNELS

std::span<const LayoutKernels> layout_kernels() noexcept {
  static const LayoutKernels table[] = {
#define REFCALIB_KERNELS(isa) layout_##isa,
#include "engine/kernels/layout/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

namespace {

std::int64_t pixel_blocks(const LayoutArgs& a) noexcept {
  return (a.pixels + layout_pixel_block - 1) / layout_pixel_block;
}

}  // namespace

std::int64_t work_items(const LayoutArgs& a) noexcept {
  return a.batch * pixel_blocks(a);
}

LayoutUnit layout_unit(const LayoutArgs& a, std::int64_t unit) noexcept {
  const std::int64_t blocks = pixel_blocks(a);
  const std::int64_t first = unit % blocks * layout_pixel_block;
  return {unit / blocks, first, std::min(a.pixels, first + layout_pixel_block)};
}

}  // namespace refcalib::engine::kernels
