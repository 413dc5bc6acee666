#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/conv/blocking.h"

/// Where the taps of a block of output pixels lie: the indirection of the convolution, made on the fly. Included by
/// instruction-set files only; in an unnamed namespace, so that each file has its own.
namespace refcalib::engine::kernels {
namespace {

/// [tap][pixel of the block]. Taps outside the image point to a pixel of padding. Pixels are handled in runs within an output
/// row, where for each tap the ones inside the image lie at a constant distance.
template <class Input>
class TapTable {
 public:
  TapTable(const ConvGeometry& g, const Blocking& b, const ConvOperands& o)
      : g_(g),
        b_(b),
        pad_(static_cast<const Input*>(o.packed)),
        table_(static_cast<const Input**>(o.scratch)),
        pixels_(reinterpret_cast<std::int64_t*>(static_cast<std::byte*>(o.scratch) + b.table_bytes)),
        segments_(static_cast<std::byte*>(o.scratch) + b.table_bytes + b.pixel_bytes) {}

  /// The `count` pixels from `first` on, counted over batch and space; `input` is the first channel of the group.
  void build(const Input* input, std::int64_t first, std::int64_t count) {
    next_segment_ = segments_;
    std::int64_t x = first % g_.out_w, row = first / g_.out_w;
    for (std::int64_t p = 0; p < count; x = 0, ++row) {
      const std::int64_t length = g_.out_w - x < count - p ? g_.out_w - x : count - p;
      add_run(input, row, x, length, table_ + p);
      if (!g_.grid.dense()) add_pixels(row, x, length, pixels_ + p);
      p += length;
    }
  }

  /// The taps of the pixel `index` of the block; those of one tap lie step() apart from those of the next.
  const Input* const* at(std::int64_t index) const { return table_ + index; }
  std::int64_t step() const { return b_.block_pixels; }
  const Input* padding() const { return pad_; }
  /// Output pixels of the block from `index` on; nullptr if they follow one another.
  const std::int64_t* pixels(std::int64_t index) const { return g_.grid.dense() ? nullptr : pixels_ + index; }

 private:
  void add_run(const Input* input, std::int64_t row, std::int64_t x, std::int64_t length, const Input** to) {
    const std::int64_t y = row % g_.out_h, plane = row / g_.out_h, z = plane % g_.out_d, n = plane / g_.out_d;
    const Input* const image = input + n * g_.in_d * g_.in_h * g_.in_w * g_.in_pixel_stride;
    for (std::int64_t kz = 0; kz < g_.kernel_d; ++kz) {
      const std::int64_t iz = z * g_.stride_d - g_.pad_d + kz * g_.dilation_d;
      for (std::int64_t ky = 0; ky < g_.kernel_h; ++ky) {
        const std::int64_t iy = y * g_.stride_h - g_.pad_h + ky * g_.dilation_h;
        const bool inside = iz >= 0 && iz < g_.in_d && iy >= 0 && iy < g_.in_h;
        const Input* const line =
            inside ? image + (iz * g_.in_h + iy) * g_.in_w * g_.in_pixel_stride : nullptr;
        if (b_.merged) {
          add_tap(line, x, length, -g_.pad_w, g_.kernel_w, to);
          to += b_.block_pixels;
          continue;
        }
        for (std::int64_t kx = 0; kx < g_.kernel_w; ++kx, to += b_.block_pixels) {
          add_tap(line, x, length, kx * g_.dilation_w - g_.pad_w, 1, to);
        }
      }
    }
  }

  void add_pixels(std::int64_t row, std::int64_t x, std::int64_t length, std::int64_t* to) const {
    const std::int64_t first = output_row_pixel(g_, row) + x * g_.grid.step_w;
    for (std::int64_t i = 0; i < length; ++i) to[i] = first + i * g_.grid.step_w;
  }

  /// One tap of a run: `width` input pixels from x * stride_w + offset on.
  void add_tap(const Input* line, std::int64_t x, std::int64_t length, std::int64_t offset,
               std::int64_t width, const Input** to) {
    const std::int64_t end = x + length;
    std::int64_t from = end, until = end;  // output columns whose tap lies inside the image
    if (line != nullptr) {
      const std::int64_t last = g_.in_w - width - offset;
      from = clamp(offset >= 0 ? 0 : (-offset + g_.stride_w - 1) / g_.stride_w, x, end);
      until = clamp(last < 0 ? 0 : last / g_.stride_w + 1, from, end);
    }
    const Input* pixel = line != nullptr ? line + (from * g_.stride_w + offset) * g_.in_pixel_stride : pad_;
    const std::int64_t step = g_.stride_w * g_.in_pixel_stride;
    for (std::int64_t i = x; i < from; ++i) *to++ = border(line, i * g_.stride_w + offset, width);
    for (std::int64_t i = 0; i < until - from; ++i) to[i] = pixel + i * step;
    to += until - from;
    for (std::int64_t i = until; i < end; ++i) *to++ = border(line, i * g_.stride_w + offset, width);
  }

  static std::int64_t clamp(std::int64_t v, std::int64_t low, std::int64_t high) {
    return v < low ? low : v > high ? high : v;
  }

  /// A tap that is not wholly inside the image: padding, or for merged taps a copy with padding at its ends.
  const Input* border(const Input* line, std::int64_t x, std::int64_t width) {
    if (line == nullptr || x >= g_.in_w || x + width <= 0) return pad_;
    auto* const segment = reinterpret_cast<Input*>(next_segment_);
    next_segment_ += b_.segment_bytes;
    std::memcpy(segment, pad_, b_.segment_bytes);
    const std::int64_t from = x < 0 ? -x : 0, until = x + width > g_.in_w ? g_.in_w - x : width;
    std::memcpy(segment + from * b_.pitch, line + (x + from) * g_.in_pixel_stride,
                static_cast<std::size_t>((until - from) * b_.pitch) * sizeof(Input));
    return segment;
  }

  const ConvGeometry& g_;
  const Blocking& b_;
  const Input* pad_;
  const Input** table_;
  std::int64_t* pixels_;
  std::byte* segments_;
  std::byte* next_segment_ = nullptr;
};

}  // namespace
}  // namespace refcalib::engine::kernels
