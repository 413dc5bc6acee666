#include "engine/kernels/winograd/winograd.h"

#include <array>

namespace refcalib::engine::kernels {
namespace {

/// Fewest channels on either side, so that a product is longer than what surrounds it.
constexpr std::int64_t kLeastChannels = 16;

/// Estimated cost in sixteen-lane operations. Measured on a Zen 4 core: a vector of a tile costs 5 operations per frequency to
/// transform, and a cache line of weights, which come from memory, 8.
struct Cost {
  std::int64_t products = 0, weights = 0, transforms = 0;
  std::int64_t total() const { return products / 16 + transforms / 16 * 5 + weights / 16 * 8; }
};

Cost direct_cost(const ConvGeometry& g) {
  const std::int64_t weights = 9 * g.in_channels * g.out_channels;
  return {g.batch * g.out_h * g.out_w * weights, weights, 0};
}

Cost winograd_cost(const ConvGeometry& g, std::int64_t m) {
  const std::int64_t frequencies = (m + 2) * (m + 2), weights = frequencies * g.in_channels * g.out_channels;
  const std::int64_t tiles = g.batch * ((g.out_h + m - 1) / m) * ((g.out_w + m - 1) / m);
  return {tiles * weights, weights, tiles * frequencies * (g.in_channels + g.out_channels)};
}

}  // namespace

std::int64_t winograd_tile(const ConvGeometry& g) noexcept {
  const bool plain = g.kernel_d == 1 && g.in_d == 1 && g.out_d == 1 && g.pad_d == 0 && g.kernel_h == 3 &&
                     g.kernel_w == 3 && g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 &&
                     g.dilation_w == 1 && g.groups == 1 && g.grid.dense();
  if (!plain || g.in_channels < kLeastChannels || g.out_channels < kLeastChannels) return 0;
  std::int64_t best = 0, least = direct_cost(g).total() * 9 / 10;
  for (const std::int64_t m : {2, 4}) {
    const std::int64_t cost = winograd_cost(g, m).total();
    if (cost >= least) continue;
    best = m;
    least = cost;
  }
  return best;
}

#define REFCALIB_WINOGRAD(isa) extern const ConvKernel winograd4_f32_##isa, winograd2_f32_##isa;
#include "engine/kernels/winograd/kernels.def"
#undef REFCALIB_WINOGRAD

std::span<const ConvKernel> winograd_f32_kernels() noexcept {
  static const std::array table = {
#define REFCALIB_WINOGRAD(isa) winograd4_f32_##isa, winograd2_f32_##isa,
#include "engine/kernels/winograd/kernels.def"
#undef REFCALIB_WINOGRAD
  };
  return table;
}

}  // namespace refcalib::engine::kernels
