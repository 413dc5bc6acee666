#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/dwconv/rows-inl.h"
#include "engine/kernels/dwconv/u8s8_epilogue-inl.h"
#include "engine/kernels/simd.h"
#include "engine/kernels/unroll.h"

/// Depthwise convolution u8*s8: the bytes of up to four taps are interleaved, so that one dword per channel
/// holds them, and a quad product sums them. For three kernel rows the taps of one input column form a dword
/// that every output column touching it shares; other kernels take their taps four by four.
///
/// Channels come in blocks of four vectors. Interleaving leaves them in the order Simd::interleaved_channel,
/// in which weights and epilogue parameters are prepared; packing to bytes restores the natural one.
namespace refcalib::engine::kernels {
namespace {

/// One tile: some output columns of one row.
struct ByteRowCall {
  const std::uint8_t* const* pixels;  ///< [kernel row][column], at the tile's first column
  std::int64_t columns;               ///< pointers per kernel row
  std::int64_t stride;                ///< other kernels: columns per output column
  const std::int32_t* taps;  ///< other kernels: offset of each tap in `pixels`, padded to a multiple of 4
  std::int64_t quads;        ///< other kernels: taps / 4
  const std::byte* weights;  ///< [kernel column or quad][vector], of the block
  std::int64_t channel, channels;  ///< first channel and number of the block
  ByteEpilogue epilogue;
  std::uint8_t* output;  ///< tile's first pixel, channel 0 (u8 or f32)
  const std::uint8_t* residual;
  std::int64_t output_step, residual_step;  ///< bytes between pixels
};

/// Three kernel rows and columns, dilation 1.
template <class A, std::size_t Stride, std::size_t Width>
void byte_tile_3x3(const ByteRowCall& call) noexcept {
  using V = Simd<A>;
  using I = typename V::I;
  I acc[Width * 4];
  unroll<4>([&](auto j) __attribute__((always_inline)) {
    const I offset = V::load(ByteEpilogue::offsets<A>(call.epilogue) + j * V::lanes);
    unroll<Width>([&](auto x) __attribute__((always_inline)) { acc[x * 4 + j] = offset; });
  });
  const std::uint8_t* const* const top = call.pixels;
  const std::uint8_t* const* const middle = top + call.columns;
  const std::uint8_t* const* const bottom = middle + call.columns;
  const I zero = V::broadcast(0);
  unroll<(Width - 1) * Stride + 3>([&](auto column) __attribute__((always_inline)) {
    I taps[4];
    V::interleave(V::load_bytes(top[column] + call.channel), V::load_bytes(middle[column] + call.channel),
                  V::load_bytes(bottom[column] + call.channel), zero, taps);
    unroll<4>([&](auto j) __attribute__((always_inline)) {
      const typename V::Q quad = V::quads_of(taps[j]);
      unroll<Width>([&](auto x) __attribute__((always_inline)) {
        if constexpr (column >= x * Stride && column < x * Stride + 3) {
          constexpr std::size_t at = ((column - x * Stride) * 4 + j) * V::weight_bytes;
          acc[x * 4 + j] = V::dot4(acc[x * 4 + j], quad, V::load_weights(call.weights + at));
        }
      });
    });
  });
  call.epilogue.template finish<A, Width>(
      acc, call.channels, call.output + call.channel * call.epilogue.output_bytes, call.output_step,
      call.residual + call.channel * call.epilogue.residual_bytes, call.residual_step);
}

/// Any kernel, `Width` output columns one after the other.
template <class A, std::size_t Width>
void byte_tile_any(const ByteRowCall& call) noexcept {
  using V = Simd<A>;
  using I = typename V::I;
  for (std::size_t x = 0; x < Width; ++x) {
    const std::uint8_t* const* const pixels = call.pixels + static_cast<std::int64_t>(x) * call.stride;
    I acc[4];
    unroll<4>([&](auto j) __attribute__((always_inline)) {
      acc[j] = V::load(ByteEpilogue::offsets<A>(call.epilogue) + j * V::lanes);
    });
    const std::byte* weights = call.weights;
    for (std::int64_t quad = 0; quad < call.quads; ++quad, weights += 4 * V::weight_bytes) {
      const std::int32_t* const tap = call.taps + 4 * quad;
      I taps[4];
      V::interleave(
          V::load_bytes(pixels[tap[0]] + call.channel), V::load_bytes(pixels[tap[1]] + call.channel),
          V::load_bytes(pixels[tap[2]] + call.channel), V::load_bytes(pixels[tap[3]] + call.channel), taps);
      unroll<4>([&](auto j) __attribute__((always_inline)) {
        acc[j] = V::dot4(acc[j], V::quads_of(taps[j]), V::load_weights(weights + j * V::weight_bytes));
      });
    }
    const auto at = static_cast<std::int64_t>(x);
    call.epilogue.template finish<A, 1>(
        acc, call.channels, call.output + at * call.output_step + call.channel * call.epilogue.output_bytes,
        call.output_step,
        call.residual + at * call.residual_step + call.channel * call.epilogue.residual_bytes,
        call.residual_step);
  }
}

/// The tiles of one vector width, by number of output columns.
template <class A>
struct ByteTiles {
  using Tile = void (*)(const ByteRowCall&) noexcept;
  static constexpr std::int64_t widest = 4;
  static constexpr std::int64_t channels = 4 * Simd<A>::lanes;
  static constexpr Tile stride1[] = {&byte_tile_3x3<A, 1, 1>, &byte_tile_3x3<A, 1, 2>,
                                     &byte_tile_3x3<A, 1, 3>, &byte_tile_3x3<A, 1, 4>};
  static constexpr Tile stride2[] = {&byte_tile_3x3<A, 2, 1>, &byte_tile_3x3<A, 2, 2>,
                                     &byte_tile_3x3<A, 2, 3>, &byte_tile_3x3<A, 2, 4>};
  static constexpr Tile any[] = {&byte_tile_any<A, 1>, &byte_tile_any<A, 2>, &byte_tile_any<A, 3>,
                                 &byte_tile_any<A, 4>};

  static const Tile* of(const ConvGeometry& g) noexcept {
    if (!shares_columns(g)) return any;
    return g.stride_w == 1 ? stride1 : stride2;
  }
  static bool shares_columns(const ConvGeometry& g) noexcept {
    return g.kernel_h == 3 && g.kernel_w == 3 && g.dilation_w == 1 && g.stride_w <= 2;
  }
  /// Quads per vector: columns of the kernel, or its taps in fours.
  static std::int64_t quads(const ConvGeometry& g) noexcept {
    return shares_columns(g) ? 3 : round_up(g.kernel_h * g.kernel_w, 4) / 4;
  }
  static std::int64_t block_bytes(const ConvGeometry& g) noexcept {
    return quads(g) * 4 * static_cast<std::int64_t>(Simd<A>::weight_bytes);
  }
  /// Writes the weights of the block that starts at `channel`.
  static void pack(const ConvGeometry& g, const std::int8_t* weights, std::int64_t channel,
                   std::byte* to) noexcept {
    const std::int64_t taps = g.kernel_h * g.kernel_w;
    for (std::int64_t q = 0; q < quads(g); ++q) {
      for (int j = 0; j < 4; ++j, to += Simd<A>::weight_bytes) {
        for (int lane = 0; lane < Simd<A>::lanes; ++lane) {
          const std::int64_t c = channel + Simd<A>::interleaved_channel(j, lane);
          for (int i = 0; i < 4; ++i) {
            const std::int64_t tap = !shares_columns(g) ? q * 4 + i : i < 3 ? i * 3 + q : taps;
            Simd<A>::put_weight(to, lane, i,
                                c < g.in_channels && tap < taps ? weights[c * taps + tap] : std::int8_t{0});
          }
        }
      }
    }
  }
};

/// `Narrow` serves the last channels where they fill half of A's block or less.
template <class A, class Narrow>
struct DepthwiseBytes {
  using Wide = ByteTiles<A>;
  using Rest = ByteTiles<Narrow>;

  /// Channels served by whole blocks; the others, if any, form one narrow block.
  static std::int64_t wide_channels(const ConvGeometry& g) noexcept {
    const std::int64_t rest = g.in_channels % Wide::channels;
    return rest > 0 && rest <= Rest::channels ? g.in_channels - rest
                                              : round_up(g.in_channels, Wide::channels);
  }
  static std::int64_t weight_bytes(const ConvGeometry& g) noexcept {
    const std::int64_t wide = wide_channels(g);
    return wide / Wide::channels * Wide::block_bytes(g) + (wide < g.in_channels ? Rest::block_bytes(g) : 0);
  }
  /// A pixel of padding, the weights, and the parameters of the epilogue in the order of the blocks.
  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    return parameters_at(g) + parameter_bytes(g);
  }
  static std::size_t parameters_at(const ConvGeometry& g) noexcept {
    return pad_elements(g) + static_cast<std::size_t>(round_up(weight_bytes(g), 64));
  }

  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    std::memset(packed, g.in_zero_point, pad_elements(g));
    auto* to = static_cast<std::byte*>(packed) + pad_elements(g);
    const auto* from = static_cast<const std::int8_t*>(weights);
    const std::int64_t wide = wide_channels(g);
    for (std::int64_t c = 0; c < wide; c += Wide::channels, to += Wide::block_bytes(g))
      Wide::pack(g, from, c, to);
    if (wide < g.in_channels) Rest::pack(g, from, wide, to);
  }

  static std::int64_t tap_bytes(const ConvGeometry& g) noexcept {
    return round_up(g.kernel_h * g.kernel_w, 16) * 4;
  }
  static std::size_t parameter_bytes(const ConvGeometry& g) noexcept {
    return static_cast<std::size_t>(round_up(g.in_channels, 64)) * ByteEpilogue::bytes_per_channel;
  }
  static void bind(const ConvGeometry& g, const Epilogue& e, void* packed) noexcept {
    auto* const to = reinterpret_cast<float*>(static_cast<std::byte*>(packed) + parameters_at(g));
    const std::int64_t wide = wide_channels(g);
    ByteEpilogue::prepare<A>(e, to, 0, wide);
    if (wide < g.in_channels) ByteEpilogue::prepare<Narrow>(e, to, wide, wide + Rest::channels);
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    return RowPixels<std::uint8_t>::scratch_bytes(g) + static_cast<std::size_t>(tap_bytes(g));
  }
  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const RowUnits units(g);
    return units.rows * units.parts;
  }

  /// Offsets of the taps in the list of pixels; those that fill up the last quad have weight 0 and may read
  /// anything.
  static void list_taps(const ConvGeometry& g, std::int64_t columns, std::int32_t* taps) noexcept {
    for (std::int64_t t = 0; t < round_up(g.kernel_h * g.kernel_w, 4); ++t) {
      const bool real = t < g.kernel_h * g.kernel_w;
      taps[t] =
          real ? static_cast<std::int32_t>(t / g.kernel_w * columns + t % g.kernel_w * g.dilation_w) : 0;
    }
  }

  /// Runs the blocks of one vector width over one output row.
  template <class Tiles>
  static void run_blocks(const ConvGeometry& g, ByteRowCall call, const ByteRowCall& row, std::int64_t from,
                         std::int64_t until, std::int64_t last) noexcept {
    const auto* const of_width = Tiles::of(g);
    const Pieces pieces(g.out_w, Tiles::widest);
    const std::byte* const weights = call.weights;
    for (std::int64_t piece = 0, x = 0; piece < pieces.count; x += pieces.width(piece), ++piece) {
      call.pixels = row.pixels + x * g.stride_w;
      call.output = row.output + x * call.output_step;
      call.residual = row.residual + x * call.residual_step;
      call.weights = weights;
      for (std::int64_t c = from; c < until; c += Tiles::channels, call.weights += Tiles::block_bytes(g)) {
        call.channel = c;
        call.channels = last - c < Tiles::channels ? last - c : Tiles::channels;
        call.epilogue.set_block(c);
        of_width[pieces.width(piece) - 1](call);
      }
    }
  }

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const RowUnits units(g);
    auto* scratch = static_cast<std::byte*>(o.scratch);
    const auto* pad = static_cast<const std::uint8_t*>(o.packed);
    RowPixels<std::uint8_t> pixels(g, o.input, pad, scratch);
    scratch += RowPixels<std::uint8_t>::scratch_bytes(g);
    auto* taps = reinterpret_cast<std::int32_t*>(scratch);
    list_taps(g, pixels.columns(), taps);
    const std::int64_t wide = wide_channels(g);

    ByteRowCall call{};
    call.epilogue = ByteEpilogue(o.epilogue, reinterpret_cast<const float*>(
                                                 static_cast<const std::byte*>(o.packed) + parameters_at(g)));
    call.columns = pixels.columns();
    call.stride = g.stride_w;
    call.taps = taps;
    call.quads = Wide::quads(g);
    const std::int64_t output_step = g.out_pixel_stride * call.epilogue.output_bytes;
    const std::int64_t residual_step = g.residual_pixel_stride * call.epilogue.residual_bytes;
    call.output_step = output_step * g.grid.step_w;
    call.residual_step = residual_step * g.grid.step_w;
    const auto* weights = static_cast<const std::byte*>(o.packed) + pad_elements(g);
    std::int64_t known_row = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t row = unit / units.parts, first = unit % units.parts * units.part_channels;
      if (row != known_row) pixels.set_row(row);
      known_row = row;
      const std::int64_t last =
          first + units.part_channels < g.in_channels ? first + units.part_channels : g.in_channels;
      ByteRowCall start = call;
      start.pixels = pixels.at(0);
      const std::int64_t pixel = output_row_pixel(g, row);
      start.output = static_cast<std::uint8_t*>(o.output) + pixel * output_step;
      start.residual = static_cast<const std::uint8_t*>(o.residual) + pixel * residual_step;
      const std::int64_t wide_end = last < wide ? last : wide;
      call.weights = weights + first / Wide::channels * Wide::block_bytes(g);
      run_blocks<Wide>(g, call, start, first, wide_end, last);
      if (last > wide) {
        call.weights = weights + wide / Wide::channels * Wide::block_bytes(g);
        run_blocks<Rest>(g, call, start, wide, last, last);
      }
    }
  }

  static constexpr ConvKernel kernel(const char* name) {
    return {name, A::isa, &is_depthwise, &packed_bytes, &pack, &scratch_bytes, &work_items, &run, &bind};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
