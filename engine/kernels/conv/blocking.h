#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/conv/conv.h"

namespace refcalib::engine::kernels {

/// What the blocking needs to know of a kernel's register tile.
struct TileShape {
  int lanes;        ///< output channels per vector
  int stored;       ///< bytes of one packed vector of one group
  int group;        ///< activations per broadcast
  int input_bytes;  ///< bytes of one activation
  int max_columns;  ///< widest tile, in vectors
  int rows[5];      ///< rows of the tile that is `columns` wide
};

/// How a convolution is cut into tiles, panels of output channels and blocks of pixels.
struct Blocking {
  std::int64_t in_group = 1, out_group = 1;  ///< channels of one group
  bool merged = false;     ///< the kernel_w taps of a row are one tap of kernel_w neighbours
  std::int64_t pitch = 1;  ///< elements from input pixel to input pixel inside a tap (merged), else in_group
  std::int64_t taps = 1;   ///< taps of one output pixel
  std::int64_t tap_length = 1;      ///< activations per tap
  std::int64_t groups_per_tap = 1;  ///< broadcasts per tap
  std::int64_t vectors = 1;         ///< vectors of output channels per group of the convolution
  std::int64_t panels = 1;          ///< panels per group of the convolution
  int columns = 1;                  ///< vectors of the widest panel
  int rows = 1;                     ///< rows of a full tile
  std::int64_t pixels = 1;          ///< output pixels over batch and space
  std::int64_t block_pixels = 1;    ///< pixels of a block; a multiple of rows
  std::int64_t blocks = 1;
  std::size_t pad_bytes = 0;      ///< packed memory in front of the panels: one tap of padding
  std::size_t vector_bytes = 0;   ///< packed bytes of one vector of output channels
  std::size_t segment_bytes = 0;  ///< merged: bytes of one copied border tap
  std::size_t table_bytes = 0;    ///< scratch: pointers of one block
  std::size_t pixel_bytes = 0;  ///< scratch behind the pointers: places of the outputs, if they are not dense

  /// First vector of a panel; panels differ by at most one vector.
  std::int64_t panel_begin(std::int64_t panel) const noexcept {
    const std::int64_t base = vectors / panels, wide = vectors % panels;
    return panel * base + (panel < wide ? panel : wide);
  }
};

Blocking block(const ConvGeometry& geometry, const TileShape& tile) noexcept;

}  // namespace refcalib::engine::kernels
