#include "engine/kernels/copy_strided/copy_strided.h"

#include <algorithm>
#include <cstring>

namespace refcalib::engine::kernels {
namespace {

// A unit of work is a tile of the two innermost axes: few rows, so that a transposed read uses each cache
// line for all of them, and rows long enough for memcpy to reach the memory's speed.
constexpr std::int64_t tile_rows = 16;
constexpr std::int64_t tile_columns = 4096;
// Columns of a transposed tile that are read together; 64 cache lines stay in L1 until every row has used
// them.
constexpr std::int64_t transpose_columns = 64;

struct Tile {
  const std::byte* in;
  std::byte* out;
  std::int64_t rows, columns;
  std::int64_t in_row, in_column, out_row, out_column;  // strides in bytes
};

template <std::size_t Bytes>
void copy_elements(const Tile& t, std::int64_t first, std::int64_t last) noexcept {
  for (std::int64_t r = 0; r < t.rows; ++r) {
    const std::byte* in = t.in + r * t.in_row;
    std::byte* out = t.out + r * t.out_row;
    for (std::int64_t c = first; c < last; ++c) {
      std::memcpy(out + c * t.out_column, in + c * t.in_column, Bytes);
    }
  }
}

template <std::size_t Bytes>
void copy_tile(const Tile& t) noexcept {
  constexpr auto dense = static_cast<std::int64_t>(Bytes);
  if (t.in_column == dense && t.out_column == dense) {
    for (std::int64_t r = 0; r < t.rows; ++r) {
      std::memcpy(t.out + r * t.out_row, t.in + r * t.in_row, static_cast<std::size_t>(t.columns * dense));
    }
    return;
  }
  for (std::int64_t c = 0; c < t.columns; c += transpose_columns) {
    copy_elements<Bytes>(t, c, std::min(c + transpose_columns, t.columns));
  }
}

void copy_tile(const Tile& t, int element_bytes) noexcept {
  switch (element_bytes) {
    case 1:
      return copy_tile<1>(t);
    case 2:
      return copy_tile<2>(t);
    case 4:
      return copy_tile<4>(t);
    default:
      return copy_tile<8>(t);
  }
}

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) noexcept {
  return (a + b - 1) / b;
}

std::int64_t magnitude(std::int64_t stride) noexcept {
  return stride < 0 ? -stride : stride;
}

struct Axis {
  std::int64_t extent, in, out;
};

bool mergeable(const Axis& outer, const Axis& inner) noexcept {
  return outer.in == inner.in * inner.extent && outer.out == inner.out * inner.extent;
}

// Rows and columns of the innermost two axes; a copy with fewer axes has extent 1 there.
Axis axis_from_end(const StridedCopy& copy, int k) noexcept {
  if (k >= copy.rank) {
    return {1, 0, 0};
  }
  const auto d = static_cast<std::size_t>(copy.rank - 1 - k);
  return {copy.dims[d], copy.in_stride[d], copy.out_stride[d]};
}

}  // namespace

StridedCopy normalized(const StridedCopy& copy) noexcept {
  std::array<Axis, StridedCopy::max_rank> axes{};
  std::size_t count = 0;
  for (std::size_t d = 0; d < static_cast<std::size_t>(copy.rank); ++d) {
    if (copy.dims[d] != 1) {
      axes[count++] = {copy.dims[d], copy.in_stride[d], copy.out_stride[d]};
    }
  }
  // Writing in order of memory merges whatever can be merged and keeps the output's lines together. An
  // insertion sort is stable and needs no memory.
  for (std::size_t i = 1; i < count; ++i) {
    for (std::size_t j = i; j > 0 && magnitude(axes[j - 1].out) < magnitude(axes[j].out); --j) {
      std::swap(axes[j - 1], axes[j]);
    }
  }
  std::size_t merged = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (merged > 0 && mergeable(axes[merged - 1], axes[i])) {
      axes[merged - 1] = {axes[merged - 1].extent * axes[i].extent, axes[i].in, axes[i].out};
    } else {
      axes[merged++] = axes[i];
    }
  }
  // A transposition: the axis along which the input is dense becomes the rows of a tile.
  if (merged > 2 && magnitude(axes[merged - 1].in) != 1) {
    for (std::size_t i = 0; i + 2 < merged; ++i) {
      if (magnitude(axes[i].in) == 1) {
        std::rotate(axes.data() + i, axes.data() + i + 1, axes.data() + merged - 1);
        break;
      }
    }
  }
  StridedCopy result;
  result.input = copy.input;
  result.output = copy.output;
  result.element_bytes = copy.element_bytes;
  for (; result.rank + static_cast<int>(merged) < 2; ++result.rank) {
    result.dims[static_cast<std::size_t>(result.rank)] = 1;
  }
  for (std::size_t i = 0; i < merged; ++i, ++result.rank) {
    const auto d = static_cast<std::size_t>(result.rank);
    result.dims[d] = axes[i].extent;
    result.in_stride[d] = axes[i].in;
    result.out_stride[d] = axes[i].out;
  }
  return result;
}

std::int64_t work_items(const StridedCopy& copy) noexcept {
  std::int64_t items = divide_up(axis_from_end(copy, 1).extent, tile_rows) *
                       divide_up(axis_from_end(copy, 0).extent, tile_columns);
  for (int d = 0; d + 2 < copy.rank; ++d) {
    items *= copy.dims[static_cast<std::size_t>(d)];
  }
  return items;
}

void run(const StridedCopy& copy, std::int64_t begin, std::int64_t end) noexcept {
  const Axis row = axis_from_end(copy, 1);
  const Axis column = axis_from_end(copy, 0);
  const std::int64_t row_tiles = divide_up(row.extent, tile_rows);
  const std::int64_t column_tiles = divide_up(column.extent, tile_columns);
  const std::int64_t bytes = copy.element_bytes;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t c = unit % column_tiles * tile_columns;
    const std::int64_t r = unit / column_tiles % row_tiles * tile_rows;
    std::int64_t in = r * row.in + c * column.in;
    std::int64_t out = r * row.out + c * column.out;
    std::int64_t rest = unit / column_tiles / row_tiles;
    for (int k = 2; k < copy.rank; ++k) {
      const Axis axis = axis_from_end(copy, k);
      in += rest % axis.extent * axis.in;
      out += rest % axis.extent * axis.out;
      rest /= axis.extent;
    }
    copy_tile({static_cast<const std::byte*>(copy.input) + in * bytes,
               static_cast<std::byte*>(copy.output) + out * bytes, std::min(tile_rows, row.extent - r),
               std::min(tile_columns, column.extent - c), row.in * bytes, column.in * bytes, row.out * bytes,
               column.out * bytes},
              copy.element_bytes);
  }
}

}  // namespace refcalib::engine::kernels
