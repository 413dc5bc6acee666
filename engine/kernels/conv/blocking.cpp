#include "engine/kernels/conv/blocking.h"

#include <algorithm>

namespace refcalib::engine::kernels {
namespace {

/// Half of a typical second-level cache: what a panel of weights may fill so that it stays there between tiles.
constexpr std::int64_t kPanelBytes = 512 * 1024;
/// Scratch for the pointers of a block of pixels.
constexpr std::int64_t kTableBytes = 64 * 1024;
/// Longest row of taps that is worth merging: beyond it the overhead per tap is small anyway.
constexpr std::int64_t kMergedLength = 64;
constexpr std::int64_t kMergedPixels = 256;
/// Fewest tiles of a block, and units of work to aim for, so that threads find enough to do and end at the same time.
constexpr std::int64_t kLeastTiles = 2;
constexpr std::int64_t kUnits = 32;
/// The same where the weights exceed kPanelBytes: every block reads all of them again, and there are panels enough.
constexpr std::int64_t kHeavyTiles = 8;
constexpr std::int64_t kHeavyUnits = 8;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

/// Neighbouring pixels form one tap if nothing lies between their channels, or, for u8, at most what a group of four is padded
/// with: that meets weights of 0. (In f32 it could be NaN.)
bool can_merge(const ConvGeometry& g, const TileShape& tile) {
  return g.kernel_w > 1 && g.dilation_w == 1 && g.groups == 1 &&
         g.in_pixel_stride <= ceil_div(g.in_channels, tile.group) * tile.group &&
         g.kernel_w * g.in_pixel_stride <= kMergedLength;
}

}  // namespace

Blocking block(const ConvGeometry& g, const TileShape& tile) noexcept {
  Blocking b;
  b.in_group = g.in_channels / g.groups;
  b.out_group = g.out_channels / g.groups;
  b.merged = can_merge(g, tile);
  b.pitch = b.merged ? g.in_pixel_stride : b.in_group;
  b.taps = g.kernel_d * g.kernel_h * (b.merged ? 1 : g.kernel_w);
  b.tap_length = b.pitch * (b.merged ? g.kernel_w : 1);
  b.groups_per_tap = ceil_div(b.tap_length, tile.group);
  b.vectors = ceil_div(b.out_group, tile.lanes);
  b.vector_bytes = static_cast<std::size_t>(b.taps * b.groups_per_tap * tile.stored);
  std::int64_t widest = tile.max_columns;
  while (widest > 2 && widest * static_cast<std::int64_t>(b.vector_bytes) > kPanelBytes) --widest;
  b.panels = std::max<std::int64_t>(1, ceil_div(b.vectors, widest));
  b.columns = static_cast<int>(ceil_div(b.vectors, b.panels));
  b.rows = tile.rows[b.columns];
  b.pixels = g.batch * g.out_d * g.out_h * g.out_w;
  std::int64_t most = kTableBytes / (b.taps * 8);
  if (b.merged) most = std::min(most, kMergedPixels);
  const bool heavy = b.vectors * static_cast<std::int64_t>(b.vector_bytes) > kPanelBytes;
  const std::int64_t wanted = ceil_div(b.pixels * b.panels * g.groups, heavy ? kHeavyUnits : kUnits);
  b.block_pixels = std::min({std::max<std::int64_t>(most, b.rows),
                             std::max(wanted, (heavy ? kHeavyTiles : kLeastTiles) * b.rows),
                             std::max<std::int64_t>(b.pixels, 1)});
  b.block_pixels = ceil_div(b.block_pixels, b.rows) * b.rows;
  b.blocks = ceil_div(b.pixels, b.block_pixels);
  b.pad_bytes = static_cast<std::size_t>(ceil_div(b.tap_length * tile.input_bytes + 64, 64) * 64);
  b.segment_bytes =
      b.merged ? static_cast<std::size_t>(ceil_div(b.groups_per_tap * tile.group * tile.input_bytes, 16) * 16)
               : 0;
  b.table_bytes = static_cast<std::size_t>(ceil_div(b.block_pixels * b.taps * 8, 64) * 64);
  b.pixel_bytes = g.grid.dense() ? 0 : static_cast<std::size_t>(ceil_div(b.block_pixels * 8, 64) * 64);
  return b;
}

}  // namespace refcalib::engine::kernels
