#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/winograd/winograd.h"
#include "engine/kernels/winograd/winograd_products-inl.h"
#include "engine/kernels/winograd/winograd_transform-inl.h"

/// Winograd's convolution in floats: what winograd-inl.h wants to know of the numbers. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

template <class A, std::size_t M>
struct FloatWinograd {
  using Arch = A;
  using Transform = WinogradTransform<M>;
  using Step = FloatStep<A>;
  using Input = float;
  using Weight = float;
  using F = Floats<A>;
  static constexpr std::size_t m = M;
  static constexpr std::size_t places = Transform::places * Transform::places;
  static constexpr std::int64_t input_lanes = Simd<A>::lanes;  ///< channels of one transformed vector
  /// Scratch for the transformed inputs and products of a block: what stays in a second-level cache.
  static constexpr std::int64_t block_bytes = 768 * 1024;

  static bool accepts(const ConvGeometry& g) noexcept { return winograd_tile(g) == m; }
  static bool admits(const ConvGeometry&, const void*) noexcept { return true; }

  static std::int64_t units(std::int64_t channels) noexcept { return channels; }

  static std::size_t padding_bytes(const ConvGeometry& g) noexcept {
    return static_cast<std::size_t>(g.in_channels) * sizeof(float);
  }
  static void write_padding(const ConvGeometry& g, float* to) noexcept {
    std::memset(to, 0, padding_bytes(g));
  }

  /// Transforms eight kernels of neighbouring output channels and one input channel, the first `real` of which exist, and writes
  /// their frequencies, `plane` units apart.
  static void pack_eight(const ConvGeometry& g, const float* source, std::int64_t real, std::int64_t channel,
                         float* to, std::int64_t plane) noexcept {
    EightDoubles w[9] = {}, u[places];
    for (int o = 0; o < 8 && o < real; ++o)
      for (std::size_t i = 0; i < 9; ++i)
        w[i][o] =
            static_cast<double>(source[(o * g.in_channels + channel) * 9 + static_cast<std::int64_t>(i)]);
    transform_weights<Transform>(w, u);
    for (std::size_t f = 0; f < places; ++f) {
      const auto rounded = __builtin_convertvector(u[f], EightFloats);
      std::memcpy(to + static_cast<std::int64_t>(f) * plane, &rounded, sizeof rounded);
    }
  }

  /// Transforms `channels` channels, at most input_lanes; pixel(y, x) leads to the first.
  template <class Pixel, class Put>
  [[gnu::always_inline]] static void transform_channels(const Pixel& pixel, std::int64_t channels,
                                                        const Put& put) noexcept {
    const auto to = [&](std::size_t f, F v) __attribute__((always_inline)) {
      store(put(f), v, Full<A>{});
    };
    if (channels >= input_lanes) {
      transform_input<Transform, F>(
          [&](auto y, auto x) __attribute__((always_inline)) { return load(pixel(y, x), Full<A>{}); }, to);
    } else {
      const First<A> some{static_cast<int>(channels)};
      transform_input<Transform, F>(
          [&](auto y, auto x) __attribute__((always_inline)) { return load(pixel(y, x), some); }, to);
    }
  }

  /// What the epilogue starts from.
  template <std::size_t Count>
  [[gnu::always_inline]] static void scale(const EpilogueTile<A, Count, 1>& tile, const F* sums,
                                           F (&y)[Count][1]) noexcept {
    const F bias = tile.parameter(tile.e.bias, std::integral_constant<std::size_t, 0>{});
    unroll<Count>([&](auto i) __attribute__((always_inline)) { y[i][0] = sums[i] + bias; });
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
