#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "engine/kernels/dwconv/rows-inl.h"
#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/unroll.h"

/// Depthwise convolution in f32: one vector of channels, several neighbouring output columns at a time. Each
/// input column is loaded once and meets every output column that it belongs to; since input columns come in
/// ascending order, each output still sums its taps in the order that conv.h prescribes.
namespace refcalib::engine::kernels {
namespace {

/// One tile: `Width` output columns of one row, all channels of a part.
struct FloatRowCall {
  const float* const* pixels;  ///< [kernel row][column], at the tile's first column
  std::int64_t columns;        ///< pointers per kernel row
  std::int64_t kernel_h, kernel_w, stride, dilation;
  const float* weights;  ///< [channel vector][tap][lane], of the part's first channel
  const Epilogue* epilogue;
  std::int64_t channel, channel_end;  ///< the part
  std::byte* output;                  ///< tile's first pixel, channel 0
  const std::byte* residual;
  std::int64_t output_step, residual_step;    ///< bytes between pixels
  std::int64_t output_bytes, residual_bytes;  ///< bytes per element
};

/// KernelW = 0 takes kernel width, stride and dilation from the call; otherwise dilation is 1.
template <class A, std::size_t KernelW, std::size_t Stride, std::size_t Width>
void float_tile(const FloatRowCall& call) noexcept {
  using F = Floats<A>;
  constexpr std::int64_t lanes = Simd<A>::lanes;
  const float* weights = call.weights;
  for (std::int64_t c = call.channel; c < call.channel_end; c += lanes) {
    const std::int64_t left = call.channel_end - c;
    const EpilogueTile<A, Width, 1> tile{*call.epilogue, c,
                                         static_cast<std::size_t>(left < lanes ? left : lanes)};
    F acc[Width][1];
    const F bias = tile.parameter(call.epilogue->bias, std::integral_constant<std::size_t, 0>{});
    unroll<Width>([&](auto x) __attribute__((always_inline)) { acc[x][0] = bias; });
    const float* const* pixels = call.pixels;
    for (std::int64_t ky = 0; ky < call.kernel_h; ++ky, pixels += call.columns) {
      if constexpr (KernelW > 0) {
        F w[KernelW];
        unroll<KernelW>([&](auto kx) __attribute__((always_inline)) {
          w[kx] = load(weights + kx * lanes, Full<A>{});
        });
        weights += KernelW * lanes;
        unroll<(Width - 1) * Stride + KernelW>([&](auto column) __attribute__((always_inline)) {
          const F value = load(pixels[column] + c, Full<A>{});
          unroll<Width>([&](auto x) __attribute__((always_inline)) {
            if constexpr (column >= x * Stride && column < x * Stride + KernelW) {
              acc[x][0] = fma(value, w[column - x * Stride], acc[x][0]);
            }
          });
        });
      } else {
        for (std::int64_t kx = 0; kx < call.kernel_w; ++kx, weights += lanes) {
          const F w = load(weights, Full<A>{});
          const float* const* const first = pixels + kx * call.dilation;
          unroll<Width>([&](auto x) __attribute__((always_inline)) {
            acc[x][0] =
                fma(load(first[static_cast<std::int64_t>(x()) * call.stride] + c, Full<A>{}), w, acc[x][0]);
          });
        }
      }
    }
    TileRow rows[Width];
    unroll<Width>([&](auto x) __attribute__((always_inline)) {
      const auto at = static_cast<std::int64_t>(x());
      rows[x] = {call.output + at * call.output_step + c * call.output_bytes,
                 call.residual + at * call.residual_step + c * call.residual_bytes};
    });
    tile.finish(acc, rows);
  }
}

template <class A>
struct DepthwiseFloat {
  using Tile = void (*)(const FloatRowCall&) noexcept;
  static constexpr std::int64_t lanes = Simd<A>::lanes;
  static constexpr std::int64_t widest = 6;

  template <std::size_t KernelW, std::size_t Stride>
  static constexpr Tile tiles[widest] = {
      &float_tile<A, KernelW, Stride, 1>, &float_tile<A, KernelW, Stride, 2>,
      &float_tile<A, KernelW, Stride, 3>, &float_tile<A, KernelW, Stride, 4>,
      &float_tile<A, KernelW, Stride, 5>, &float_tile<A, KernelW, Stride, 6>};

  static const Tile* select_tiles(const ConvGeometry& g) noexcept {
    if (g.kernel_w == 3 && g.dilation_w == 1 && g.stride_w == 1) return tiles<3, 1>;
    if (g.kernel_w == 3 && g.dilation_w == 1 && g.stride_w == 2) return tiles<3, 2>;
    return tiles<0, 0>;
  }

  static std::int64_t padded_channels(const ConvGeometry& g) noexcept {
    return round_up(g.in_channels, lanes);
  }

  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    const std::int64_t weights = padded_channels(g) * g.kernel_h * g.kernel_w;
    return sizeof(float) * (pad_elements(g) + static_cast<std::size_t>(round_up(weights, 16)));
  }

  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    auto* to = static_cast<float*>(packed);
    const auto* from = static_cast<const float*>(weights);
    for (std::size_t i = 0; i < pad_elements(g); ++i) *to++ = 0;
    const std::int64_t taps = g.kernel_h * g.kernel_w;
    for (std::int64_t c = 0; c < padded_channels(g); c += lanes) {
      for (std::int64_t t = 0; t < taps; ++t) {
        for (std::int64_t l = c; l < c + lanes; ++l) *to++ = l < g.in_channels ? from[l * taps + t] : 0.0F;
      }
    }
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    return RowPixels<float>::scratch_bytes(g);
  }
  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const RowUnits units(g);
    return units.rows * units.parts;
  }

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const RowUnits units(g);
    const Tile* const of_width = select_tiles(g);
    const auto* pad = static_cast<const float*>(o.packed);
    const float* const weights = pad + pad_elements(g);
    const Pieces pieces(g.out_w, widest);
    RowPixels<float> pixels(g, o.input, pad, o.scratch);
    FloatRowCall call{};
    call.columns = pixels.columns();
    call.kernel_h = g.kernel_h;
    call.kernel_w = g.kernel_w;
    call.stride = g.stride_w;
    call.dilation = g.dilation_w;
    call.epilogue = &o.epilogue;
    call.output_bytes = o.epilogue.output_kind == Epilogue::Output::u8 ? 1 : 4;
    const std::int64_t output_step = g.out_pixel_stride * call.output_bytes;
    call.output_step = output_step * g.grid.step_w;
    call.residual_bytes = o.epilogue.residual_kind == Epilogue::Residual::none ? 0
                          : o.epilogue.residual_kind == Epilogue::Residual::u8 ? 1
                                                                               : 4;
    const std::int64_t residual_step = g.residual_pixel_stride * call.residual_bytes;
    call.residual_step = residual_step * g.grid.step_w;
    std::int64_t known_row = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t row = unit / units.parts, part = unit % units.parts;
      if (row != known_row) pixels.set_row(row);
      known_row = row;
      const std::int64_t first_pixel = output_row_pixel(g, row);
      call.channel = part * units.part_channels;
      const std::int64_t part_end = call.channel + units.part_channels;
      call.channel_end = part_end < g.in_channels ? part_end : g.in_channels;
      call.weights = weights + call.channel * g.kernel_h * g.kernel_w;
      for (std::int64_t piece = 0, x = 0; piece < pieces.count; x += pieces.width(piece), ++piece) {
        const std::int64_t pixel = first_pixel + x * g.grid.step_w;
        call.pixels = pixels.at(0) + x * g.stride_w;
        call.output = static_cast<std::byte*>(o.output) + pixel * output_step;
        call.residual = static_cast<const std::byte*>(o.residual) + pixel * residual_step;
        of_width[pieces.width(piece) - 1](call);
      }
    }
  }

  static constexpr ConvKernel kernel(const char* name) {
    return {name, A::isa, &is_depthwise, &packed_bytes, &pack, &scratch_bytes, &work_items, &run};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
