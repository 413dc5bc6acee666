#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/gconv/bundles-inl.h"
#include "engine/kernels/simd_permute.h"
#include "engine/kernels/unroll.h"

/// Convolution in groups of few channels. A tile is one bundle (bundles-inl.h) of several neighbouring output columns. One vector
/// holds the inputs of the bundle's groups; each step of the sum permutes it, so that every lane meets the next input of its own
/// group, and the weights of that step. Steps come in the order of conv.h: taps, then channels.
namespace refcalib::engine::kernels {
namespace {

/// f32: a step is one channel.
template <class A>
struct FloatGroups {
  using Arch = A;
  using Input = float;
  using Weight = float;
  using Sum = Floats<A>;
  static constexpr std::int64_t weight_bytes = 4 * Simd<A>::lanes;

  /// Channels that one step sums, which take one lane of the input.
  static std::int64_t per_step(std::int64_t) noexcept { return 1; }
  template <class Tile>
  [[gnu::always_inline]] static Sum start(const Epilogue& e, const Tile& tile) {
    return tile.parameter(e.bias, std::integral_constant<std::size_t, 0>{});
  }
  template <bool>
  [[gnu::always_inline]] static typename Simd<A>::F inputs(const float* p) {
    return Simd<A>::load(p);
  }
  [[gnu::always_inline]] static typename Simd<A>::F weights(const std::byte* p) {
    return Simd<A>::load(reinterpret_cast<const float*>(p));
  }
  [[gnu::always_inline]] static Sum step(Sum acc, typename Simd<A>::F x, typename Simd<A>::I index,
                                         typename Simd<A>::F w) {
    return {Simd<A>::fma(Lanes<A>::permute(x, index), w, acc.v)};
  }
  static void put(std::byte* p, std::int64_t lane, std::int64_t, float w) noexcept {
    reinterpret_cast<float*>(p)[lane] = w;
  }
  template <class Tile, std::size_t Width>
  [[gnu::always_inline]] static void finish(const Tile& tile, Sum (&acc)[Width][1],
                                            const TileRow (&rows)[Width]) {
    tile.finish(acc, rows);
  }
};

/// u8 times s8: a step is four channels, or one where groups do not divide into fours.
template <class A>
struct ByteGroups {
  using Arch = A;
  using Input = std::uint8_t;
  using Weight = std::int8_t;
  using Sum = Ints<A>;
  static constexpr std::int64_t weight_bytes = static_cast<std::int64_t>(Simd<A>::weight_bytes);

  static std::int64_t per_step(std::int64_t ins) noexcept { return ins % 4 == 0 ? 4 : 1; }
  template <class Tile>
  [[gnu::always_inline]] static Sum start(const Epilogue&, const Tile& tile) {
    return tile.offset(std::integral_constant<std::size_t, 0>{});
  }
  template <bool Quads>
  [[gnu::always_inline]] static typename Simd<A>::I inputs(const std::uint8_t* p) {
    if constexpr (Quads) {
      return Simd<A>::load_bytes(p);
    } else {
      return Simd<A>::load_u8(p);
    }
  }
  [[gnu::always_inline]] static typename Simd<A>::W weights(const std::byte* p) {
    return Simd<A>::load_weights(p);
  }
  [[gnu::always_inline]] static Sum step(Sum acc, typename Simd<A>::I x, typename Simd<A>::I index,
                                         typename Simd<A>::W w) {
    return {Simd<A>::dot4(acc.v, Simd<A>::quads_of(Lanes<A>::permute(x, index)), w)};
  }
  static void put(std::byte* p, std::int64_t lane, std::int64_t j, std::int8_t w) noexcept {
    Simd<A>::put_weight(p, static_cast<int>(lane), static_cast<int>(j), w);
  }
  template <class Tile, std::size_t Width>
  [[gnu::always_inline]] static void finish(const Tile& tile, Sum (&acc)[Width][1],
                                            const TileRow (&rows)[Width]) {
    Floats<A> y[Width][1];
    tile.scale(acc, y);
    tile.finish(y, rows);
  }
};

/// One tile: some output columns of one row, one bundle.
template <class Input>
struct BundleCall {
  const Input* const* pixels;  ///< [kernel row][column], at the tile's first column
  std::int64_t columns;        ///< pointers per kernel row
  std::int64_t kernel_h, kernel_w, stride, dilation;
  std::int64_t steps;         ///< per tap
  const std::int32_t* lanes;  ///< where in the loaded vector each lane finds the first input of its group
  const std::byte* weights;   ///< [tap][step] of the bundle
  const Epilogue* epilogue;
  std::int64_t in_channel;         ///< first of the bundle
  std::int64_t channel, channels;  ///< first output channel of the bundle, and how many
  std::byte* output;               ///< tile's first pixel and channel
  const std::byte* residual;
  std::int64_t output_step, residual_step;  ///< bytes between pixels
};

template <class P, bool Quads, std::size_t Width>
void bundle_tile(const BundleCall<typename P::Input>& call) noexcept {
  using A = typename P::Arch;
  using V = Simd<A>;
  const EpilogueTile<A, Width, 1> tile{*call.epilogue, call.channel, static_cast<std::size_t>(call.channels)};
  typename P::Sum acc[Width][1];
  const typename P::Sum start = P::start(*call.epilogue, tile);
  unroll<Width>([&](auto x) __attribute__((always_inline)) { acc[x][0] = start; });
  const typename V::I lanes = V::load(call.lanes), one = V::broadcast(std::int32_t{1});
  const std::byte* weights = call.weights;
  for (std::int64_t ky = 0; ky < call.kernel_h; ++ky) {
    for (std::int64_t kx = 0; kx < call.kernel_w; ++kx) {
      const typename P::Input* const* const first = call.pixels + ky * call.columns + kx * call.dilation;
      decltype(P::template inputs<Quads>(*first)) in[Width];
      unroll<Width>([&](auto x) __attribute__((always_inline)) {
        in[x] =
            P::template inputs<Quads>(first[static_cast<std::int64_t>(x()) * call.stride] + call.in_channel);
      });
      typename V::I index = lanes;
      for (std::int64_t i = 0; i < call.steps; ++i, weights += P::weight_bytes) {
        const auto w = P::weights(weights);
        unroll<Width>([&](auto x) __attribute__((always_inline)) {
          acc[x][0] = P::step(acc[x][0], in[x], index, w);
        });
        index = V::add(index, one);
      }
    }
  }
  TileRow rows[Width];
  unroll<Width>([&](auto x) __attribute__((always_inline)) {
    const auto at = static_cast<std::int64_t>(x());
    rows[x] = {call.output + at * call.output_step, call.residual + at * call.residual_step};
  });
  P::finish(tile, acc, rows);
}

/// The kernel of a policy whose tiles are up to `Widest` columns wide.
template <class P, std::size_t Widest>
struct GroupedConv {
  using Input = typename P::Input;
  using Tile = void (*)(const BundleCall<Input>&) noexcept;
  static constexpr std::int64_t lanes = Simd<typename P::Arch>::lanes;

  static std::int64_t steps(const ConvGeometry& g) noexcept {
    const std::int64_t ins = g.in_channels / g.groups;
    return ins / P::per_step(ins);
  }
  static Bundles bundles(const ConvGeometry& g) noexcept { return {g, lanes, steps(g)}; }
  static std::int64_t taps(const ConvGeometry& g) noexcept { return g.kernel_h * g.kernel_w; }

  static bool accepts(const ConvGeometry& g) noexcept { return is_grouped_plane(g) && bundles(g).groups > 1; }

  /// In front of the weights: a pixel of padding.
  static std::int64_t pad_bytes(const ConvGeometry& g) noexcept {
    return static_cast<std::int64_t>(pad_elements(g) * sizeof(Input));
  }
  static std::size_t packed_bytes(const ConvGeometry& g) noexcept {
    return static_cast<std::size_t>(pad_bytes(g) + bundles(g).count * taps(g) * steps(g) * P::weight_bytes);
  }

  static void pack(const ConvGeometry& g, const void* weights, void* packed) noexcept {
    auto* const pad = static_cast<Input*>(packed);
    for (std::size_t i = 0; i < pad_elements(g); ++i) pad[i] = static_cast<Input>(g.in_zero_point);
    if (g.in_zero_points != nullptr)
      for (std::int64_t i = 0; i < g.in_channels; ++i) pad[i] = static_cast<Input>(g.in_zero_points[i]);
    auto* to = static_cast<std::byte*>(packed) + pad_bytes(g);
    const auto* const from = static_cast<const typename P::Weight*>(weights);
    const Bundles all = bundles(g);
    const std::int64_t per = P::per_step(all.ins), area = taps(g);
    for (std::int64_t b = 0; b < all.count; ++b) {
      const std::int64_t first = b * all.groups * all.outs, channels = all.channels(g, b);
      for (std::int64_t t = 0; t < area; ++t) {
        for (std::int64_t i = 0; i < steps(g); ++i, to += P::weight_bytes) {
          for (std::int64_t n = 0; n < P::weight_bytes; ++n) to[n] = std::byte{0};
          for (std::int64_t lane = 0; lane < channels; ++lane)
            for (std::int64_t j = 0; j < per; ++j)
              P::put(to, lane, j, from[((first + lane) * all.ins + i * per + j) * area + t]);
        }
      }
    }
  }

  static std::size_t scratch_bytes(const ConvGeometry& g) noexcept {
    return RowPixels<Input>::scratch_bytes(g);
  }
  static std::int64_t work_items(const ConvGeometry& g) noexcept {
    const BundleUnits units(g, bundles(g).count);
    return units.rows * units.parts;
  }

  template <std::size_t... Is>
  static Tile tile_of([[maybe_unused]] bool quads, std::int64_t width, std::index_sequence<Is...>) noexcept {
    static constexpr Tile singly[] = {&bundle_tile<P, false, Is + 1>...};
    if constexpr (sizeof(Input) == 1) {
      static constexpr Tile by_fours[] = {&bundle_tile<P, true, Is + 1>...};
      if (quads) return by_fours[width - 1];
    }
    return singly[width - 1];
  }

  static void run(const ConvGeometry& g, const ConvOperands& o, std::int64_t begin,
                  std::int64_t end) noexcept {
    const Bundles all = bundles(g);
    const BundleUnits units(g, all.count);
    const auto* const pad = static_cast<const Input*>(o.packed);
    const std::byte* const weights = static_cast<const std::byte*>(o.packed) + pad_bytes(g);
    RowPixels<Input> pixels(g, o.input, pad, o.scratch);
    const bool quads = P::per_step(all.ins) == 4;
    std::int32_t first_inputs[static_cast<std::size_t>(lanes)];
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const std::int64_t group = lane / all.outs;
      first_inputs[lane] = group < all.groups ? static_cast<std::int32_t>(group * steps(g)) : 0;
    }
    BundleCall<Input> call{};
    call.columns = pixels.columns();
    call.kernel_h = g.kernel_h;
    call.kernel_w = g.kernel_w;
    call.stride = g.stride_w;
    call.dilation = g.dilation_w;
    call.steps = steps(g);
    call.lanes = first_inputs;
    call.epilogue = &o.epilogue;
    const std::int64_t output_bytes = o.epilogue.output_kind == Epilogue::Output::u8 ? 1 : 4;
    const std::int64_t residual_bytes = o.epilogue.residual_kind == Epilogue::Residual::none ? 0
                                        : o.epilogue.residual_kind == Epilogue::Residual::u8 ? 1
                                                                                             : 4;
    const std::int64_t output_step = g.out_pixel_stride * output_bytes,
                       residual_step = g.residual_pixel_stride * residual_bytes;
    call.output_step = output_step * g.grid.step_w;
    call.residual_step = residual_step * g.grid.step_w;
    const Pieces pieces(g.out_w, static_cast<std::int64_t>(Widest));
    std::int64_t known_row = -1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const std::int64_t row = unit / units.parts, part = unit % units.parts;
      if (row != known_row) pixels.set_row(row);
      known_row = row;
      const std::int64_t first_pixel = output_row_pixel(g, row);
      const std::int64_t part_end = (part + 1) * units.part_bundles,
                         last = part_end < all.count ? part_end : all.count;
      for (std::int64_t b = part * units.part_bundles; b < last; ++b) {
        call.weights = weights + b * taps(g) * call.steps * P::weight_bytes;
        call.in_channel = b * all.groups * all.ins;
        call.channel = b * all.groups * all.outs;
        call.channels = all.channels(g, b);
        for (std::int64_t piece = 0, x = 0; piece < pieces.count; x += pieces.width(piece), ++piece) {
          const std::int64_t pixel = first_pixel + x * g.grid.step_w;
          call.pixels = pixels.at(0) + x * g.stride_w;
          call.output = static_cast<std::byte*>(o.output) + pixel * output_step + call.channel * output_bytes;
          call.residual = static_cast<const std::byte*>(o.residual) + pixel * residual_step +
                          call.channel * residual_bytes;
          tile_of(quads, pieces.width(piece), std::make_index_sequence<Widest>{})(call);
        }
      }
    }
  }

  static constexpr ConvKernel kernel(const char* name) {
    return {name, P::Arch::isa, &accepts, &packed_bytes, &pack, &scratch_bytes, &work_items, &run};
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
