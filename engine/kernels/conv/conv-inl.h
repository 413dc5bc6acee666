#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "engine/kernels/conv/blocking.h"
#include "engine/kernels/conv/tile-inl.h"

/// Packing, pointer tables and the loops around the register tile, written once for every instruction set and
/// both element types. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// The tiles of one instruction set and element type: MaxRows[c] rows by c vectors, and every smaller number
/// of rows.
template <class Product, int MaxColumns, int... RowsOf>
struct Conv {
  using Input = typename Product::Input;
  using Packed = typename Product::Packed;
  using TileFunction = void (*)(const TileCall<Product>&) noexcept;
  static constexpr int kMostRows = 16;
  static constexpr TileShape shape{Product::lanes, Product::stored, Product::group,
                                   sizeof(Input),  MaxColumns,      {0, RowsOf...}};

  template <int Columns, int Rows>
  static constexpr TileFunction function() {
    if constexpr (Rows <= shape.rows[Columns])
      return &run_tile<Product, static_cast<std::size_t>(Rows), static_cast<std::size_t>(Columns)>;
    else
      return nullptr;
  }
  struct Table {
    TileFunction of[static_cast<std::size_t>(MaxColumns) + 1][kMostRows + 1];
  };
  template <int Columns, int... Rows>
  static constexpr void fill(Table& table, std::integer_sequence<int, Rows...>) {
    ((table.of[Columns][Rows + 1] = function<Columns, Rows + 1>()), ...);
  }
  template <int... Columns>
  static constexpr Table make(std::integer_sequence<int, Columns...>) {
    Table table{};
    (fill<Columns + 1>(table, std::make_integer_sequence<int, kMostRows>{}), ...);
    return table;
  }
  static constexpr Table tiles = make(std::make_integer_sequence<int, MaxColumns>{});

  static bool accepts(const ConvGeometry&) noexcept { return true; }

  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    const Blocking b = block(g, shape);
    return b.pad_bytes + static_cast<std::size_t>(g.groups * b.vectors) * b.vector_bytes + 64;
  }

  /// Weight of output channel o, tap t, position k inside the tap; 0 in the padding.
  static Packed weight_at(const ConvGeometry& g, const Blocking& b, const Packed* group, std::int64_t o,
                          std::int64_t t, std::int64_t k) {
    if (o >= b.out_group || k >= b.tap_length) return 0;
    const std::int64_t area = g.kernel_d * g.kernel_h * g.kernel_w;
    const std::int64_t channel = b.merged ? k % b.in_group : k;
    const std::int64_t at = b.merged ? t * g.kernel_w + k / b.in_group : t;
    return group[(o * b.in_group + channel) * area + at];
  }

  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    const Blocking b = block(g, shape);
    auto* pad = static_cast<Input*>(packed);
    for (std::size_t i = 0; i < b.pad_bytes / sizeof(Input); ++i)
      pad[i] = static_cast<Input>(sizeof(Input) == 1 ? g.in_zero_point : 0);
    std::byte* to = static_cast<std::byte*>(packed) + b.pad_bytes;
    const std::int64_t group_weights = b.out_group * b.in_group * g.kernel_d * g.kernel_h * g.kernel_w;
    for (std::int64_t group = 0; group < g.groups; ++group) {
      const Packed* source = static_cast<const Packed*>(weights) + group * group_weights;
      for (std::int64_t panel = 0; panel < b.panels; ++panel)
        for (std::int64_t t = 0; t < b.taps; ++t)
          for (std::int64_t k = 0; k < b.groups_per_tap; ++k)
            for (std::int64_t v = b.panel_begin(panel); v < b.panel_begin(panel + 1);
                 ++v, to += Product::stored) {
              for (int l = 0; l < Product::lanes; ++l)
                for (int i = 0; i < Product::group; ++i)
                  Product::put(to, l, i,
                               weight_at(g, b, source, v * Product::lanes + l, t, k * Product::group + i));
            }
    }
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    const Blocking b = block(g, shape);
    return b.table_bytes + b.segment_bytes * static_cast<std::size_t>(b.block_pixels * b.taps) + 64;
  }

  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const Blocking b = block(g, shape);
    return g.groups * b.blocks * b.panels;
  }

  /// The taps of a block of pixels: [tile][tap][row of the tile].
  class TapTable {
   public:
    TapTable(const ConvGeometry& g, const Blocking& b, const ConvOperands& o)
        : g_(g),
          b_(b),
          pad_(static_cast<const Input*>(o.packed)),
          table_(static_cast<const Input**>(o.scratch)),
          segments_(static_cast<std::byte*>(o.scratch) + b.table_bytes) {}

    void build(const Input* input, std::int64_t first, std::int64_t count) {
      next_segment_ = segments_;
      std::int64_t x = first % g_.out_w, rest = first / g_.out_w;
      std::int64_t y = rest % g_.out_h;
      rest /= g_.out_h;
      std::int64_t z = rest % g_.out_d, n = rest / g_.out_d;
      for (std::int64_t p = 0; p < count; ++p) {
        const Input** to = table_ + p / b_.rows * b_.rows * b_.taps + p % b_.rows;
        pixel(input + n * g_.in_d * g_.in_h * g_.in_w * g_.in_pixel_stride, z, y, x, to);
        if (++x < g_.out_w) continue;
        x = 0;
        if (++y < g_.out_h) continue;
        y = 0;
        if (++z < g_.out_d) continue;
        z = 0;
        ++n;
      }
    }

    const Input* const* tile(std::int64_t index) const { return table_ + index * b_.rows * b_.taps; }

   private:
    void pixel(const Input* image, std::int64_t z, std::int64_t y, std::int64_t x, const Input** to) {
      const std::int64_t ix = x * g_.stride_w - g_.pad_w;
      for (std::int64_t kz = 0; kz < g_.kernel_d; ++kz) {
        const std::int64_t iz = z * g_.stride_d - g_.pad_d + kz * g_.dilation_d;
        for (std::int64_t ky = 0; ky < g_.kernel_h; ++ky) {
          const std::int64_t iy = y * g_.stride_h - g_.pad_h + ky * g_.dilation_h;
          const bool inside = iz >= 0 && iz < g_.in_d && iy >= 0 && iy < g_.in_h;
          const Input* line = inside ? image + (iz * g_.in_h + iy) * g_.in_w * g_.in_pixel_stride : nullptr;
          if (b_.merged) {
            *to = merged_tap(line, ix);
            to += b_.rows;
            continue;
          }
          for (std::int64_t kx = 0; kx < g_.kernel_w; ++kx, to += b_.rows) {
            const std::int64_t at = ix + kx * g_.dilation_w;
            *to = line != nullptr && at >= 0 && at < g_.in_w ? line + at * g_.in_pixel_stride : pad_;
          }
        }
      }
    }

    /// A row of taps: where it lies in the image, or a copy with padding where it crosses the border.
    const Input* merged_tap(const Input* line, std::int64_t ix) {
      if (line == nullptr || ix >= g_.in_w || ix + g_.kernel_w <= 0) return pad_;
      if (ix >= 0 && ix + g_.kernel_w <= g_.in_w) return line + ix * g_.in_pixel_stride;
      auto* segment = reinterpret_cast<Input*>(next_segment_);
      next_segment_ += b_.segment_bytes;
      std::memcpy(segment, pad_, b_.segment_bytes);
      const std::int64_t from = ix < 0 ? -ix : 0,
                         until = ix + g_.kernel_w > g_.in_w ? g_.in_w - ix : g_.kernel_w;
      std::memcpy(segment + from * g_.in_channels, line + (ix + from) * g_.in_pixel_stride,
                  static_cast<std::size_t>((until - from) * g_.in_channels) * sizeof(Input));
      return segment;
    }

    const ConvGeometry& g_;
    const Blocking& b_;
    const Input* pad_;
    const Input** table_;
    std::byte* segments_;
    std::byte* next_segment_ = nullptr;
  };

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const Blocking b = block(g, shape);
    TapTable taps(g, b, o);
    const std::int64_t out_bytes = o.epilogue.output_kind == Epilogue::Output::f32 ? 4 : 1;
    const std::int64_t residual_bytes = o.epilogue.residual_kind == Epilogue::Residual::none  ? 0
                                        : o.epilogue.residual_kind == Epilogue::Residual::f32 ? 4
                                                                                              : 1;
    std::int64_t known_block = -1;
    TileCall<Product> call{};
    call.row_stride = b.rows;
    call.tap_count = b.taps;
    call.groups_per_tap = b.groups_per_tap;
    call.epilogue = &o.epilogue;
    call.output_step = g.out_pixel_stride * out_bytes;
    call.residual_step = g.residual_pixel_stride * residual_bytes;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t panel = unit % b.panels, group_block = unit / b.panels;
      const std::int64_t block_index = group_block % b.blocks, group = group_block / b.blocks;
      const std::int64_t first = block_index * b.block_pixels;
      const std::int64_t count = first + b.block_pixels <= b.pixels ? b.block_pixels : b.pixels - first;
      if (group_block != known_block)
        taps.build(static_cast<const Input*>(o.input) + group * b.in_group, first, count);
      known_block = group_block;
      const std::int64_t vector = b.panel_begin(panel);
      const int columns = static_cast<int>(b.panel_begin(panel + 1) - vector);
      const std::int64_t channel = vector * Product::lanes, left = b.out_group - channel;
      call.panel = static_cast<const std::byte*>(o.packed) + b.pad_bytes +
                   static_cast<std::size_t>(group * b.vectors + vector) * b.vector_bytes;
      call.channel = group * b.out_group + channel;
      call.columns =
          static_cast<std::size_t>(left < columns * Product::lanes ? left : columns * Product::lanes);
      for (std::int64_t p = 0; p < count; p += b.rows) {
        const std::int64_t rows = count - p < b.rows ? count - p : b.rows;
        call.taps = taps.tile(p / b.rows);
        call.output =
            static_cast<std::byte*>(o.output) + (first + p) * call.output_step + call.channel * out_bytes;
        call.residual = static_cast<const std::byte*>(o.residual) + (first + p) * call.residual_step +
                        call.channel * residual_bytes;
        tiles.of[columns][rows](call);
      }
    }
  }

  static constexpr ConvKernel kernel(const char* name, Isa isa) {
    return {name, isa, &accepts, &packed_bytes, &pack, &scratch_bytes, &work_items, &run};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
