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

/// A 3x3 convolution of pictures with steps of one and channels enough.
bool plain(const ConvGeometry& g) {
  return g.kernel_d == 1 && g.in_d == 1 && g.out_d == 1 && g.pad_d == 0 && g.kernel_h == 3 &&
         g.kernel_w == 3 && g.stride_h == 1 && g.stride_w == 1 && g.dilation_h == 1 && g.dilation_w == 1 &&
         g.groups == 1 && g.grid.dense() && g.in_channels >= kLeastChannels &&
         g.out_channels >= kLeastChannels;
}

}  // namespace

std::int64_t winograd_tile(const ConvGeometry& g) noexcept {
  if (!plain(g)) return 0;
  std::int64_t best = 0, least = direct_cost(g).total() * 9 / 10;
  for (const std::int64_t m : {2, 4}) {
    const std::int64_t cost = winograd_cost(g, m).total();
    if (cost >= least) continue;
    best = m;
    least = cost;
  }
  return best;
}

bool winograd_pays_u8s8(const ConvGeometry& g, Isa isa) noexcept {
  if (!plain(g)) return false;
  const std::int64_t tiles = g.batch * ((g.out_h + 3) / 4) * ((g.out_w + 3) / 4);
  const std::int64_t pixels = g.batch * g.out_h * g.out_w, channels = g.in_channels * g.out_channels;
  // Cycles of a Zen 4 core: a direct sum reaches 19/20 of its 64 products a cycle with dot products, 30 without; Winograd's 10/11 of 32 or
  // 27; a tile costs 170 for 32 channels of the input and 300 for 16 of the output; weights come from memory at 4 bytes a cycle.
  const bool vnni = isa == Isa::avx512vnni || isa == Isa::avxvnni;
  const std::int64_t direct = pixels * channels * 9 / (vnni ? 61 : 30);
  const std::int64_t products = tiles * channels * 36 / (vnni ? 29 : 25);
  const std::int64_t transforms = tiles * (g.in_channels * 170 / 32 + g.out_channels * 300 / 16);
  const std::int64_t weights = channels * 36 * 2 / 4;
  const std::int64_t compute = products + transforms;
  return (compute > weights ? compute : weights) < direct;
}

#define REFCALIB_WINOGRAD_F32(isa) extern const ConvKernel winograd4_f32_##isa, winograd2_f32_##isa;
#define REFCALIB_WINOGRAD_U8S8(isa) extern const ConvKernel winograd4_u8s8_##isa;
#include "engine/kernels/winograd/kernels.def"
#undef REFCALIB_WINOGRAD_F32
#undef REFCALIB_WINOGRAD_U8S8

std::span<const ConvKernel> winograd_f32_kernels() noexcept {
  static const std::array table = {
#define REFCALIB_WINOGRAD_F32(isa) winograd4_f32_##isa, winograd2_f32_##isa,
#define REFCALIB_WINOGRAD_U8S8(isa)
#include "engine/kernels/winograd/kernels.def"
#undef REFCALIB_WINOGRAD_F32
#undef REFCALIB_WINOGRAD_U8S8
  };
  return table;
}

std::span<const ConvKernel> winograd_u8s8_kernels() noexcept {
#if defined(__x86_64__)
  static const std::array table = {
#define REFCALIB_WINOGRAD_F32(isa)
#define REFCALIB_WINOGRAD_U8S8(isa) winograd4_u8s8_##isa,
#include "engine/kernels/winograd/kernels.def"
#undef REFCALIB_WINOGRAD_F32
#undef REFCALIB_WINOGRAD_U8S8
  };
  return table;
#else
  return {};
#endif
}

const ConvKernel* winograd_u8s8_kernel(const ConvGeometry& g, Isa isa) noexcept {
  for (const ConvKernel& kernel : winograd_u8s8_kernels())
    if (includes(isa, kernel.isa)) return kernel.accepts(g) ? &kernel : nullptr;
  return nullptr;
}

}  // namespace refcalib::engine::kernels
