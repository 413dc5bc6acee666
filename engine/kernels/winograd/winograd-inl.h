#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/winograd/winograd.h"
#include "engine/kernels/winograd/winograd_products-inl.h"
#include "engine/kernels/winograd/winograd_transform-inl.h"

/// The convolution of winograd.h. A unit of work is a block of tiles times a panel of output channels; the transformed inputs of a
/// block serve all its panels. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// `Number`: FloatWinograd or IntegerWinograd. `Products`: the register tiles, WinogradProducts<…>.
template <class Number, class Products>
struct Winograd {
  using A = typename Number::Arch;
  using Transform = typename Number::Transform;
  using Input = typename Number::Input;
  using Weight = typename Number::Weight;
  using Unit = typename Number::Step::Unit;
  using Sum = typename Number::Step::Sum;
  static constexpr std::int64_t side = Transform::places;
  static constexpr std::size_t places = Transform::places * Transform::places;
  static constexpr std::int64_t frequencies = places;
  static constexpr std::int64_t lanes = Simd<A>::lanes;
  static constexpr std::int64_t m = Number::m;
  static constexpr std::int64_t group_pitch = frequencies * kGroup;
  static_assert(frequencies % 2 == 0);
  /// Where the first frequency of a channel's group and the channel in it begin, among those of a tile.
  static constexpr std::int64_t place(std::int64_t channel) noexcept {
    return channel / kGroup * group_pitch + channel % kGroup;
  }
  static_assert(sizeof(Unit) == 4);

  struct Blocking {
    std::int64_t tiles_x, tiles_y, tiles;  ///< tiles over batch and space
    std::int64_t block_tiles, blocks;
    std::int64_t vectors, panels, columns;  ///< vectors of output channels; of the widest panel
    std::int64_t units;                     ///< of a tile's transformed inputs
    std::int64_t padding;                   ///< units of a pixel of padding
    std::int64_t in_pitch, out_pitch;  ///< units from tile to tile of the transformed inputs and products

    explicit Blocking(const ConvGeometry& g) noexcept {
      tiles_x = (g.out_w + m - 1) / m;
      tiles_y = (g.out_h + m - 1) / m;
      tiles = g.batch * tiles_x * tiles_y;
      vectors = ceil_div(g.out_channels, lanes);
      panels = ceil_div(vectors, std::int64_t{Products::max_columns});
      columns = ceil_div(vectors, panels);
      units = Number::units(g.in_channels);
      padding = ceil_div(static_cast<std::int64_t>(Number::padding_bytes(g)), 64) * 16;
      // An odd number of cache lines: one frequency of the tiles, which are read and written together, lies in different sets.
      in_pitch = ceil_div(units, kGroup) * group_pitch + kGroup;
      out_pitch = ceil_div(columns * lanes, kGroup) * group_pitch + kGroup;
      const std::int64_t tile_bytes = (in_pitch + out_pitch) * 4;
      const std::int64_t rows = Products::rows[columns];
      const std::int64_t most = Number::block_bytes / tile_bytes / rows * rows;
      blocks = ceil_div(tiles, most < 2 * rows ? 2 * rows : most);
      block_tiles = ceil_div(ceil_div(tiles, blocks), rows) * rows;
      blocks = ceil_div(tiles, block_tiles);
    }
    std::int64_t panel_begin(std::int64_t panel) const noexcept {
      const std::int64_t base = vectors / panels, wide = vectors % panels;
      return panel * base + (panel < wide ? panel : wide);
    }
    static std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }
  };

  /// Packed memory: a pixel of padding, then [panel][frequency][unit][column].
  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    const Blocking b(g);
    return static_cast<std::size_t>(b.padding + frequencies * b.units * b.vectors * lanes) * 4 + 64;
  }

  /// A few units at a time go through memory in the first-level cache: written one by one, the frequencies, which lie a
  /// power of two apart, would push each other out of every cache.
  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    constexpr std::int64_t together = 4;
    constexpr std::size_t widest = (Products::max_columns * static_cast<std::size_t>(lanes) + 7) / 8 * 8;
    alignas(64) Unit block[places][together][widest];
    const Blocking b(g);
    const auto* const source = static_cast<const Weight*>(weights);
    auto* to = static_cast<Unit*>(packed);
    Number::write_padding(g, static_cast<Input*>(packed));
    to += b.padding;
    for (std::int64_t panel = 0; panel < b.panels; ++panel) {
      const std::int64_t first = b.panel_begin(panel) * lanes;
      const std::int64_t width = b.panel_begin(panel + 1) * lanes - first;
      for (std::int64_t u = 0; u < b.units; u += together) {
        const std::int64_t count = b.units - u < together ? b.units - u : together;
        for (std::int64_t i = 0; i < count; ++i)
          for (std::int64_t o = 0; o < width; o += 8)
            Number::pack_eight(g, source + (first + o) * g.in_channels * 9, g.out_channels - first - o, u + i,
                               &block[0][i][o], together * static_cast<std::int64_t>(widest));
        for (std::int64_t f = 0; f < frequencies; ++f)
          for (std::int64_t i = 0; i < count; ++i)
            std::memcpy(to + (f * b.units + u + i) * width, block[f][i], static_cast<std::size_t>(width) * 4);
      }
      to += frequencies * b.units * width;
    }
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    const Blocking b(g);
    return static_cast<std::size_t>(b.block_tiles * (b.in_pitch + b.out_pitch)) * 4 + 64;
  }

  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const Blocking b(g);
    return b.blocks * b.panels;
  }

  /// Where a tile lies; goes from one to the next.
  struct Tile {
    std::int64_t n, y, x;  ///< image, first output row and column
    Tile(const Blocking& b, std::int64_t index) noexcept
        : n(index / (b.tiles_x * b.tiles_y)),
          y(index / b.tiles_x % b.tiles_y * m),
          x(index % b.tiles_x * m) {}
    void advance(const Blocking& b) noexcept {
      x += m;
      if (x < b.tiles_x * m) return;
      x = 0;
      y += m;
      if (y < b.tiles_y * m) return;
      y = 0;
      ++n;
    }
  };

  /// Transforms the inputs of the tiles [first, first + count) into `to`.
  static void transform_block(const ConvGeometry& g, const Blocking& b, const Input* input,
                              const Input* padding, std::int64_t first, std::int64_t count,
                              Unit* to) noexcept {
    const std::int64_t row = g.in_w * g.in_pixel_stride;
    Tile tile(b, first);
    for (std::int64_t t = 0; t < count; ++t, tile.advance(b)) {
      const std::int64_t y0 = tile.y - g.pad_h, x0 = tile.x - g.pad_w;
      const Input* const corner = input + (tile.n * g.in_h + y0) * row + x0 * g.in_pixel_stride;
      Unit* const out = to + t * b.in_pitch;
      if (y0 >= 0 && x0 >= 0 && y0 + side <= g.in_h && x0 + side <= g.in_w) {
        transform_tile(
            g,
            [&](std::int64_t y, std::int64_t x)
                __attribute__((always_inline)) { return corner + y * row + x * g.in_pixel_stride; },
            out);
        continue;
      }
      const Input* pixels[places];
      for (std::int64_t y = 0; y < side; ++y)
        for (std::int64_t x = 0; x < side; ++x) {
          const bool inside = y0 + y >= 0 && y0 + y < g.in_h && x0 + x >= 0 && x0 + x < g.in_w;
          pixels[y * side + x] = inside ? corner + y * row + x * g.in_pixel_stride : padding;
        }
      transform_tile(
          g,
          [&](std::int64_t y, std::int64_t x) __attribute__((always_inline)) { return pixels[y * side + x]; },
          out);
    }
  }

  /// pixel(y, x): where the channels of a pixel of the tile begin.
  template <class Pixel>
  [[gnu::always_inline]] static void transform_tile(const ConvGeometry& g, const Pixel& pixel,
                                                    Unit* out) noexcept {
    for (std::int64_t c = 0, u = 0; c < g.in_channels; c += Number::input_lanes, u += lanes) {
      Unit* const to = out + place(u);
      Number::transform_channels(
          [&](auto y, auto x) __attribute__((always_inline)) {
            return pixel(static_cast<std::int64_t>(y()), static_cast<std::int64_t>(x())) + c;
          },
          g.in_channels - c,
          [&](std::size_t f)
              __attribute__((always_inline)) { return to + static_cast<std::int64_t>(f) * kGroup; });
    }
  }

  /// All frequencies of a block and a panel. Weights stream from memory: while the tiles of one frequency are multiplied, each
  /// register tile fetches a cache line of every step of the next, or two where there are fewer register tiles than lines.
  static void multiply_block(const Blocking& b, const Unit* in, const Unit* weights, std::int64_t columns,
                             std::int64_t count, Unit* out) noexcept {
    const std::int64_t most = Products::rows[columns], step = columns * lanes;
    const std::int64_t line = 64, lines = step * 4 <= line * ((count + most - 1) / most) ? 1 : 2;
    for (std::int64_t f = 0; f < frequencies; ++f) {
      std::int64_t ahead = b.units * step * 4;
      for (std::int64_t t = 0; t < count; t += most) {
        const std::int64_t rows = count - t < most ? count - t : most;
        Products::table.of[columns][rows](in + f * kGroup + t * b.in_pitch, b.in_pitch, group_pitch, weights,
                                          b.units, out + f * kGroup + t * b.out_pitch, b.out_pitch, ahead,
                                          (lines - 1) * line);
        ahead += lines * line;
        if (ahead >= (b.units + 1) * step * 4) ahead = 0;
      }
      weights += b.units * step;
    }
  }

  /// Where outputs and residuals lie, in bytes.
  struct Target {
    const Epilogue* epilogue;
    std::byte* output;
    const std::byte* residual;
    std::int64_t output_step, output_bytes, residual_step, residual_bytes;

    Target(const ConvGeometry& g, const ConvOperands& o) noexcept
        : epilogue(&o.epilogue),
          output(static_cast<std::byte*>(o.output)),
          residual(static_cast<const std::byte*>(o.residual)),
          output_bytes(o.epilogue.output_kind == Epilogue::Output::f32 ? 4 : 1),
          residual_bytes(o.epilogue.residual_kind == Epilogue::Residual::none  ? 0
                         : o.epilogue.residual_kind == Epilogue::Residual::f32 ? 4
                                                                               : 1) {
      output_step = g.out_pixel_stride * output_bytes;
      residual_step = g.residual_pixel_stride * residual_bytes;
    }
    TileRow row(std::int64_t pixel, std::int64_t channel) const noexcept {
      return {output + pixel * output_step + channel * output_bytes,
              residual + pixel * residual_step + channel * residual_bytes};
    }
  };

  /// Scale, bias, residual, activation and conversion of `Count` neighbouring outputs.
  template <std::size_t Count>
  [[gnu::always_inline]] static void finish(const Target& target, const Sum* sums, std::int64_t pixel,
                                            std::int64_t channel, std::size_t channels) noexcept {
    const EpilogueTile<A, Count, 1> tile{*target.epilogue, channel, channels};
    Floats<A> y[Count][1];
    Number::scale(tile, sums, y);
    TileRow rows[Count];
    unroll<Count>([&](auto i) __attribute__((always_inline)) {
      rows[i] = target.row(pixel + static_cast<std::int64_t>(i()), channel);
    });
    tile.finish(y, rows);
  }

  /// Transforms the products of one tile and vector back and stores the outputs that exist.
  static void store_tile(const ConvGeometry& g, const Target& target, const Unit* products, const Tile& tile,
                         std::int64_t channel) noexcept {
    const std::int64_t left = g.out_channels - channel;
    const auto channels = static_cast<std::size_t>(left < lanes ? left : lanes);
    const std::int64_t width = g.out_w - tile.x < m ? g.out_w - tile.x : m;
    transform_output<Transform, Sum>(
        [&](std::size_t f) __attribute__((always_inline)) {
          return load(products + static_cast<std::int64_t>(f) * kGroup, Full<A>{});
        },
        [&](auto y, const Sum(&row)[Number::m]) __attribute__((always_inline)) {
          const std::int64_t out_y = tile.y + static_cast<std::int64_t>(y());
          if (out_y >= g.out_h) return;
          const std::int64_t pixel = (tile.n * g.out_h + out_y) * g.out_w + tile.x;
          if (width == m) {
            finish<Number::m>(target, row, pixel, channel, channels);
          } else {
            for (std::int64_t x = 0; x < width; ++x) finish<1>(target, row + x, pixel + x, channel, channels);
          }
        });
  }

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const Blocking b(g);
    auto* const transformed = static_cast<Unit*>(o.scratch);
    Unit* const products = transformed + b.block_tiles * b.in_pitch;
    const auto* const packed = static_cast<const Unit*>(o.packed);
    const Target target(g, o);
    std::int64_t known_block = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t panel = unit % b.panels, block = unit / b.panels, first = block * b.block_tiles;
      const std::int64_t count = b.tiles - first < b.block_tiles ? b.tiles - first : b.block_tiles;
      if (block != known_block)
        transform_block(g, b, static_cast<const Input*>(o.input), static_cast<const Input*>(o.packed), first,
                        count, transformed);
      known_block = block;
      const std::int64_t vector = b.panel_begin(panel), columns = b.panel_begin(panel + 1) - vector;
      const Unit* const weights = packed + b.padding + frequencies * b.units * vector * lanes;
      multiply_block(b, transformed, weights, columns, count, products);
      Tile tile(b, first);
      for (std::int64_t t = 0; t < count; ++t, tile.advance(b))
        for (std::int64_t v = 0; v < columns; ++v)
          store_tile(g, target, products + t * b.out_pitch + place(v * lanes), tile, (vector + v) * lanes);
    }
  }

  static constexpr ConvKernel kernel(const char* name, Isa isa) {
    return {name,        isa,  &Number::accepts, &packed_bytes, &pack,          &scratch_bytes,
            &work_items, &run, nullptr,          nullptr,       &Number::admits};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
