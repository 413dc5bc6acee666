#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/winograd/winograd.h"
#include "engine/kernels/winograd/winograd_products-inl.h"
#include "engine/kernels/winograd/winograd_transform-inl.h"

/// The convolution of winograd.h. A unit of work is a block of tiles times a panel of output channels; the transformed inputs of a
/// block serve all its panels. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// Scratch for the transformed inputs and products of a block: what stays in a second-level cache.
constexpr std::int64_t kBlockBytes = 768 * 1024;

/// `M`: outputs per side of a tile. `Products`: the register tiles, WinogradProducts<A, …>.
template <class A, std::size_t M, class Products>
struct Winograd {
  using F = Floats<A>;
  static constexpr std::int64_t side = WinogradTransform<M>::places;
  static constexpr std::size_t places = WinogradTransform<M>::places * WinogradTransform<M>::places;
  static constexpr std::int64_t frequencies = places;
  static constexpr std::int64_t lanes = Simd<A>::lanes;
  static constexpr std::int64_t m = M;

  struct Blocking {
    std::int64_t tiles_x, tiles_y, tiles;  ///< tiles over batch and space
    std::int64_t block_tiles, blocks;
    std::int64_t vectors, panels, columns;  ///< vectors of output channels; of the widest panel
    std::int64_t in_pitch, out_pitch;  ///< floats from tile to tile of the transformed inputs and products
    std::int64_t in_plane, out_plane;  ///< floats from frequency to frequency

    explicit Blocking(const ConvGeometry& g) noexcept {
      tiles_x = (g.out_w + m - 1) / m;
      tiles_y = (g.out_h + m - 1) / m;
      tiles = g.batch * tiles_x * tiles_y;
      vectors = ceil_div(g.out_channels, lanes);
      panels = ceil_div(vectors, std::int64_t{Products::max_columns});
      columns = ceil_div(vectors, panels);
      in_pitch = ceil_div(g.in_channels, 16) * 16;
      out_pitch = columns * lanes;
      const std::int64_t tile_bytes = frequencies * (in_pitch + out_pitch) * 4;
      const std::int64_t rows = Products::rows[columns];
      const std::int64_t most = kBlockBytes / tile_bytes / rows * rows;
      blocks = ceil_div(tiles, most < 2 * rows ? 2 * rows : most);
      block_tiles = ceil_div(ceil_div(tiles, blocks), rows) * rows;
      blocks = ceil_div(tiles, block_tiles);
      // An odd number of cache lines: the frequencies of a tile, written together, fall into different sets.
      in_plane = block_tiles * in_pitch + 16 * (1 + (block_tiles * in_pitch / 16) % 2);
      out_plane = block_tiles * out_pitch + 16 * (1 + (block_tiles * out_pitch / 16) % 2);
    }
    std::int64_t panel_begin(std::int64_t panel) const noexcept {
      const std::int64_t base = vectors / panels, wide = vectors % panels;
      return panel * base + (panel < wide ? panel : wide);
    }
    static std::int64_t ceil_div(std::int64_t a, std::int64_t b) noexcept { return (a + b - 1) / b; }
  };

  static bool accepts(const ConvGeometry& g) noexcept { return winograd_tile(g) == m; }

  /// Packed memory: zeros for a pixel of padding, then [panel][frequency][input channel][column].
  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    const Blocking b(g);
    return static_cast<std::size_t>(b.in_pitch + frequencies * g.in_channels * b.vectors * lanes) * 4 + 64;
  }

  /// Transforms eight kernels of neighbouring output channels and one input channel, the first `real` of which exist, and writes
  /// their frequencies, `plane` floats apart.
  static void pack_eight(const ConvGeometry& g, const float* source, std::int64_t real, float* to,
                         std::int64_t plane) noexcept {
    EightDoubles w[9] = {}, u[places];
    for (int o = 0; o < 8 && o < real; ++o)
      for (std::size_t i = 0; i < 9; ++i)
        w[i][o] = source[o * g.in_channels * 9 + static_cast<std::int64_t>(i)];
    transform_weights<M>(w, u);
    for (std::size_t f = 0; f < places; ++f) {
      const auto rounded = __builtin_convertvector(u[f], EightFloats);
      std::memcpy(to + static_cast<std::int64_t>(f) * plane, &rounded, sizeof rounded);
    }
  }

  /// A few input channels at a time go through memory in the first-level cache: written one by one, the frequencies, which lie a
  /// power of two apart, would push each other out of every cache.
  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    constexpr std::int64_t together = 4;
    constexpr std::size_t widest = (Products::max_columns * static_cast<std::size_t>(lanes) + 7) / 8 * 8;
    alignas(64) float block[places][together][widest];
    const Blocking b(g);
    const auto* const source = static_cast<const float*>(weights);
    auto* to = static_cast<float*>(packed);
    std::memset(to, 0, static_cast<std::size_t>(b.in_pitch) * 4);
    to += b.in_pitch;
    for (std::int64_t panel = 0; panel < b.panels; ++panel) {
      const std::int64_t first = b.panel_begin(panel) * lanes;
      const std::int64_t width = b.panel_begin(panel + 1) * lanes - first;
      for (std::int64_t c = 0; c < g.in_channels; c += together) {
        const std::int64_t count = g.in_channels - c < together ? g.in_channels - c : together;
        for (std::int64_t i = 0; i < count; ++i)
          for (std::int64_t o = 0; o < width; o += 8)
            pack_eight(g, source + ((first + o) * g.in_channels + c + i) * 9, g.out_channels - first - o,
                       &block[0][i][o], together * static_cast<std::int64_t>(widest));
        for (std::int64_t f = 0; f < frequencies; ++f)
          for (std::int64_t i = 0; i < count; ++i)
            std::memcpy(to + (f * g.in_channels + c + i) * width, block[f][i],
                        static_cast<std::size_t>(width) * 4);
      }
      to += frequencies * g.in_channels * width;
    }
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    const Blocking b(g);
    return static_cast<std::size_t>(frequencies * (b.in_plane + b.out_plane)) * 4 + 64;
  }

  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const Blocking b(g);
    return b.blocks * b.panels;
  }

  /// Where a tile lies.
  struct Tile {
    std::int64_t n, y, x;  ///< image, first output row and column
    Tile(const Blocking& b, std::int64_t index) noexcept
        : n(index / (b.tiles_x * b.tiles_y)),
          y(index / b.tiles_x % b.tiles_y * m),
          x(index % b.tiles_x * m) {}
  };

  /// Transforms the inputs of the tiles [first, first + count) into `to`.
  static void transform_block(const ConvGeometry& g, const Blocking& b, const float* input,
                              const float* zeros, std::int64_t first, std::int64_t count,
                              float* to) noexcept {
    for (std::int64_t t = 0; t < count; ++t) {
      const Tile tile(b, first + t);
      const float* pixels[places];
      for (std::int64_t y = 0; y < side; ++y) {
        const std::int64_t iy = tile.y - g.pad_h + y;
        for (std::int64_t x = 0; x < side; ++x) {
          const std::int64_t ix = tile.x - g.pad_w + x;
          const bool inside = iy >= 0 && iy < g.in_h && ix >= 0 && ix < g.in_w;
          pixels[y * side + x] =
              inside ? input + ((tile.n * g.in_h + iy) * g.in_w + ix) * g.in_pixel_stride : zeros;
        }
      }
      float* const out = to + t * b.in_pitch;
      std::int64_t c = 0;
      for (; c + lanes <= g.in_channels; c += lanes)
        transform_channels(pixels, c, Full<A>{}, out + c, b.in_plane);
      if (c < g.in_channels)
        transform_channels(pixels, c, First<A>{static_cast<int>(g.in_channels - c)}, out + c, b.in_plane);
    }
  }

  template <class Extent>
  static void transform_channels(const float* const (&pixels)[places], std::int64_t c, Extent extent,
                                 float* to, std::int64_t plane) noexcept {
    transform_input<A, M>(
        [&](auto y, auto x) __attribute__((always_inline)) {
          return load(pixels[y * WinogradTransform<M>::places + x] + c, extent);
        },
        [&](std::size_t f, F v) __attribute__((always_inline)) {
          store(to + static_cast<std::int64_t>(f) * plane, v, Full<A>{});
        });
  }

  /// All frequencies of a block and a panel. Weights stream from memory: while the tiles of one frequency are multiplied, each
  /// register tile fetches one vector of every step of the next.
  static void multiply_block(const ConvGeometry& g, const Blocking& b, const float* in, const float* weights,
                             std::int64_t columns, std::int64_t count, float* out) noexcept {
    const std::int64_t most = Products::rows[columns], step = columns * lanes;
    for (std::int64_t f = 0; f < frequencies; ++f) {
      std::int64_t ahead = g.in_channels * step * 4;
      for (std::int64_t t = 0; t < count; t += most) {
        const std::int64_t rows = count - t < most ? count - t : most;
        Products::table.of[columns][rows](in + f * b.in_plane + t * b.in_pitch, b.in_pitch, weights,
                                          g.in_channels, out + f * b.out_plane + t * b.out_pitch, b.out_pitch,
                                          ahead);
        ahead = ahead + 64 < (g.in_channels + 1) * step * 4 ? ahead + 64 : 0;
      }
      weights += g.in_channels * step;
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

  /// Bias, residual, activation and conversion of `Count` neighbouring outputs.
  template <std::size_t Count>
  [[gnu::always_inline]] static void finish(const Target& target, const F* sums, std::int64_t pixel,
                                            std::int64_t channel, std::size_t channels) noexcept {
    const EpilogueTile<A, Count, 1> tile{*target.epilogue, channel, channels};
    const F bias = tile.parameter(target.epilogue->bias, std::integral_constant<std::size_t, 0>{});
    F y[Count][1];
    TileRow rows[Count];
    unroll<Count>([&](auto i) __attribute__((always_inline)) {
      y[i][0] = sums[i] + bias;
      rows[i] = target.row(pixel + static_cast<std::int64_t>(i()), channel);
    });
    tile.finish(y, rows);
  }

  /// Transforms the products of one tile and vector back and stores the outputs that exist.
  static void store_tile(const ConvGeometry& g, const Target& target, const float* products,
                         std::int64_t plane, const Tile& tile, std::int64_t channel) noexcept {
    const std::int64_t left = g.out_channels - channel;
    const auto channels = static_cast<std::size_t>(left < lanes ? left : lanes);
    const std::int64_t width = g.out_w - tile.x < m ? g.out_w - tile.x : m;
    transform_output<A, M>(
        [&](std::size_t f) __attribute__((always_inline)) {
          return load(products + static_cast<std::int64_t>(f) * plane, Full<A>{});
        },
        [&](auto y, const F(&row)[M]) __attribute__((always_inline)) {
          const std::int64_t out_y = tile.y + static_cast<std::int64_t>(y());
          if (out_y >= g.out_h) return;
          const std::int64_t pixel = (tile.n * g.out_h + out_y) * g.out_w + tile.x;
          if (width == m) {
            finish<M>(target, row, pixel, channel, channels);
          } else {
            for (std::int64_t x = 0; x < width; ++x) finish<1>(target, row + x, pixel + x, channel, channels);
          }
        });
  }

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const Blocking b(g);
    auto* const transformed = static_cast<float*>(o.scratch);
    float* const products = transformed + frequencies * b.in_plane;
    const auto* const packed = static_cast<const float*>(o.packed);
    const Target target(g, o);
    std::int64_t known_block = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t panel = unit % b.panels, block = unit / b.panels, first = block * b.block_tiles;
      const std::int64_t count = b.tiles - first < b.block_tiles ? b.tiles - first : b.block_tiles;
      if (block != known_block)
        transform_block(g, b, static_cast<const float*>(o.input), packed, first, count, transformed);
      known_block = block;
      const std::int64_t vector = b.panel_begin(panel), columns = b.panel_begin(panel + 1) - vector;
      const float* const weights = packed + b.in_pitch + frequencies * g.in_channels * vector * lanes;
      multiply_block(g, b, transformed, weights, columns, count, products);
      for (std::int64_t t = 0; t < count; ++t) {
        const Tile tile(b, first + t);
        for (std::int64_t v = 0; v < columns; ++v)
          store_tile(g, target, products + t * b.out_pitch + v * lanes, b.out_plane, tile,
                     (vector + v) * lanes);
      }
    }
  }

  static constexpr ConvKernel kernel(const char* name, Isa isa) {
    return {name, isa, &accepts, &packed_bytes, &pack, &scratch_bytes, &work_items, &run};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
