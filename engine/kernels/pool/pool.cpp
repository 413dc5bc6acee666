#include "engine/kernels/pool/pool.h"

#include <algorithm>

#include "engine/kernels/pool/units.h"

namespace refcalib::engine::kernels {

#define REFCALIB_KERNELS(isa) extern const PoolKernels pool_##isa;
#include "engine/kernels/pool/kernels.def"
#undef REFCALIB_KERNELS

std::span<const PoolKernels> pool_kernels() noexcept {
  static const PoolKernels table[] = {
#define REFCALIB_KERNELS(isa) pool_##isa,
#include "engine/kernels/pool/kernels.def"
#undef REFCALIB_KERNELS
  };
  return table;
}

namespace {

std::int64_t channel_blocks(const PoolGeometry& g) noexcept {
  return (g.channels + pool_channel_block - 1) / pool_channel_block;
}

}  // namespace

std::int64_t work_items(const PoolGeometry& g) noexcept {
  return g.batch * g.out.d * g.out.h * channel_blocks(g);
}

PoolUnit pool_unit(const PoolGeometry& g, std::int64_t unit) noexcept {
  const std::int64_t blocks = channel_blocks(g);
  const std::int64_t row = unit / blocks;
  const std::int64_t first = unit % blocks * pool_channel_block;
  return {row / g.out.h / g.out.d, row / g.out.h % g.out.d, row % g.out.h, first,
          std::min(g.channels, first + pool_channel_block)};
}

}  // namespace refcalib::engine::kernels
