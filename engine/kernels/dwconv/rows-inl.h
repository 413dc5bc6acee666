#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/conv/conv.h"

/// What both depthwise kernels share: which geometries they take, how the work is cut, and where the pixels
/// of a row lie. Included by instruction-set files only; in an unnamed namespace, so that each file has its
/// own.
namespace refcalib::engine::kernels {
namespace {

/// A row has one pointer per input column, so wide gaps between the columns that are read are left to other kernels.
inline bool is_depthwise(const ConvGeometry& g) noexcept {
  const std::int64_t columns = (g.out_w - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1;
  return g.groups == g.in_channels && g.groups == g.out_channels && g.kernel_d == 1 && g.in_d == 1 &&
         g.out_d == 1 && g.pad_d == 0 && columns <= 16 * (g.out_w + g.kernel_w) + 1024;
}

constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) noexcept {
  return (a + b - 1) / b * b;
}

/// A unit of work is one output row, or a part of its channels where rows are few.
struct RowUnits {
  std::int64_t rows, parts, part_channels;

  explicit RowUnits(const ConvGeometry& g) noexcept : rows(g.batch * g.out_h) {
    constexpr std::int64_t wanted_units = 32, step = 64;
    const std::int64_t steps = round_up(g.in_channels, step) / step;
    const std::int64_t most_parts = rows > 0 ? (wanted_units + rows - 1) / rows : 1;
    const std::int64_t steps_per_part = most_parts >= steps ? 1 : (steps + most_parts - 1) / most_parts;
    part_channels = steps_per_part * step;
    parts = (steps + steps_per_part - 1) / steps_per_part;
  }
};

/// Packed memory starts with a pixel of padding, long enough for whole vectors.
inline std::size_t pad_elements(const ConvGeometry& g) noexcept {
  return static_cast<std::size_t>(round_up(g.in_channels, 64) + 64);
}

/// For each kernel row a list of pointers, one per input column that the output row can touch, padding
/// included: column c is input x = c - pad_w. Tap (ky,kx) of output x reads at(ky)[x * stride_w + kx *
/// dilation_w].
template <class In>
class RowPixels {
 public:
  RowPixels(const ConvGeometry& g, const void* input, const In* pad, void* scratch) noexcept
      : g_(g),
        input_(static_cast<const In*>(input)),
        pad_(pad),
        columns_(columns(g)),
        at_(static_cast<const In**>(scratch)) {}

  static std::int64_t columns(const ConvGeometry& g) noexcept {
    return (g.out_w - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1;
  }
  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    return static_cast<std::size_t>(
        round_up(g.kernel_h * columns(g) * static_cast<std::int64_t>(sizeof(In*)), 64));
  }

  /// `row` counts output rows over the batch.
  void set_row(std::int64_t row) noexcept {
    const std::int64_t n = row / g_.out_h, y = row % g_.out_h;
    for (std::int64_t ky = 0; ky < g_.kernel_h; ++ky) {
      const std::int64_t iy = y * g_.stride_h - g_.pad_h + ky * g_.dilation_h;
      const In** const to = at_ + ky * columns_;
      // Columns [from, until) lie in the image.
      std::int64_t from = g_.pad_w < 0 ? 0 : g_.pad_w < columns_ ? g_.pad_w : columns_;
      std::int64_t until = g_.pad_w + g_.in_w < columns_ ? g_.pad_w + g_.in_w : columns_;
      if (until < from) until = from;
      if (iy < 0 || iy >= g_.in_h) {
        from = until = columns_;
      }
      for (std::int64_t c = 0; c < from; ++c) {
        to[c] = pad_;
      }
      const In* pixel = input_ + ((n * g_.in_h + iy) * g_.in_w + from - g_.pad_w) * g_.in_pixel_stride;
      for (std::int64_t c = from; c < until; ++c, pixel += g_.in_pixel_stride) {
        to[c] = pixel;
      }
      for (std::int64_t c = until; c < columns_; ++c) {
        to[c] = pad_;
      }
    }
  }

  const In* const* at(std::int64_t ky) const noexcept { return at_ + ky * columns_; }
  std::int64_t columns() const noexcept { return columns_; }

 private:
  const ConvGeometry& g_;
  const In* input_;
  const In* pad_;
  std::int64_t columns_;
  const In** at_;
};

/// The pieces into which `width` output columns are cut: as equal as possible, none wider than `widest`.
struct Pieces {
  std::int64_t count, base, wide;

  Pieces(std::int64_t width, std::int64_t widest) noexcept
      : count((width + widest - 1) / widest),
        base(count > 0 ? width / count : 0),
        wide(count > 0 ? width % count : 0) {}
  std::int64_t width(std::int64_t piece) const noexcept { return base + (piece < wide ? 1 : 0); }
};

}  // namespace
}  // namespace refcalib::engine::kernels
