#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/winograd/winograd.h"
#include "engine/kernels/winograd/winograd_products-inl.h"
#include "engine/kernels/winograd/winograd_transform-inl.h"

/// F(4x4, 3x3) in integers, without any rounding (winograd.h): what winograd-inl.h wants to know of the numbers. Included by
/// instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// The transformations of one axis. The input's is B' of Lavin. Rows of the weights' are multiples of Lavin's that need no fractions:
///
///   12, 6, 6, 24, 24, 3
///
/// and the output's divides what that multiplies with by powers of two, exactly, and leaves a factor of 3: 3 y = A' [ … ].
struct IntegerTransform {
  static constexpr std::size_t places = 6, outputs = 4;

  /// 0 <= d <= 255 gives -2040 <= v <= 1275, and that along the other axis |v| <= 17340: int16 holds it.
  template <class V>
  [[gnu::always_inline]] static void input(const V (&d)[6], V (&v)[6]) {
    const V even = d[4] - shift_left<2>(d[2]), odd = d[3] - shift_left<2>(d[1]);
    const V outer = d[4] - d[2], inner = d[3] - d[1], twice = inner + inner;
    v[0] = shift_left<2>(d[0] - d[2]) + outer;
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = outer + twice;
    v[4] = outer - twice;
    v[5] = (d[5] - d[3]) - shift_left<1>(twice);
  }
  /// Every shift drops zeros: see winograd_fits(), which proves that the shifted values do not leave int32. All others may.
  template <class V>
  [[gnu::always_inline]] static void output(const V (&m)[6], V (&y)[4]) {
    const V one = in_register(m[1]), minus_one = in_register(m[2]);
    const V two = in_register(m[3]), minus_two = in_register(m[4]);
    const V sum = one + minus_one, difference = one - minus_one;
    const V far_sum = two + minus_two, far_difference = two - minus_two;
    y[0] = shift_right<1>(shift_right<1>(shift_right<1>(far_sum) + m[0]) + sum);
    y[1] = shift_right<1>(shift_right<1>(far_difference) + difference);
    y[2] = shift_right<1>(sum + far_sum);
    y[3] = shift_right<1>(shift_left<1>(far_difference + m[5]) + difference);
  }
  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[3], T (&u)[6]) {
    u[0] = 3 * w[0];
    u[1] = -(w[0] + w[1] + w[2]);
    u[2] = -(w[0] - w[1] + w[2]);
    u[3] = w[0] + 2 * w[1] + 4 * w[2];
    u[4] = w[0] - 2 * w[1] + 4 * w[2];
    u[5] = 3 * w[2];
  }
};

template <class A>
struct IntegerWinograd {
  using Arch = A;
  using Transform = IntegerTransform;
  using Step = PairStep<A>;
  using Input = std::uint8_t;
  using Weight = std::int8_t;
  using I = Ints<A>;
  using F = Floats<A>;
  static constexpr std::size_t m = 4;
  static constexpr std::size_t places = Transform::places * Transform::places;
  static constexpr std::int64_t input_lanes = 2 * Simd<A>::lanes;
  static constexpr std::int64_t block_bytes = 512 * 1024;

  static bool accepts(const ConvGeometry& g) noexcept { return winograd_pays_u8s8(g, A::isa); }
  static bool admits(const ConvGeometry& g, const void* weights) noexcept {
    return winograd_fits(g, static_cast<const std::int8_t*>(weights));
  }

  /// Pairs of channels; a last one without a partner meets a weight of zero.
  static std::int64_t units(std::int64_t channels) noexcept { return (channels + 1) / 2; }

  /// Whole vectors are loaded from there, too.
  static std::size_t padding_bytes(const ConvGeometry& g) noexcept {
    return static_cast<std::size_t>(g.in_channels) + 64;
  }
  static void write_padding(const ConvGeometry& g, std::uint8_t* to) noexcept {
    std::memset(to, g.in_zero_point, padding_bytes(g));
    if (g.in_zero_points != nullptr)
      std::memcpy(to, g.in_zero_points, static_cast<std::size_t>(g.in_channels));
  }

  using EightInts = std::int32_t __attribute__((vector_size(32)));

  static void transform_channel(const ConvGeometry& g, const std::int8_t* source, std::int64_t real,
                                std::int64_t channel, EightInts (&u)[places]) noexcept {
    EightInts w[9] = {};
    for (int o = 0; o < 8 && o < real; ++o)
      for (std::size_t i = 0; i < 9; ++i)
        w[i][o] = source[(o * g.in_channels + channel) * 9 + static_cast<std::int64_t>(i)];
    transform_weights<Transform>(w, u);
  }

  static void pack_eight(const ConvGeometry& g, const std::int8_t* source, std::int64_t real,
                         std::int64_t pair, std::int32_t* to, std::int64_t plane) noexcept {
    EightInts even[places], odd[places] = {};
    transform_channel(g, source, real, 2 * pair, even);
    if (2 * pair + 1 < g.in_channels) transform_channel(g, source, real, 2 * pair + 1, odd);
    for (std::size_t f = 0; f < places; ++f) {
      const EightInts both = (even[f] & 0xFFFF) | (odd[f] << 16);
      std::memcpy(to + static_cast<std::int64_t>(f) * plane, &both, sizeof both);
    }
  }

  /// Inputs may be read behind the last channel (ConvOperands); what is there meets no weights.
  template <class Pixel, class Put>
  [[gnu::always_inline]] static void transform_channels(const Pixel& pixel, std::int64_t,
                                                        const Put& put) noexcept {
    transform_input<Transform, Words<A>>(
        [&](auto y, auto x) __attribute__((always_inline)) { return load_words(pixel(y, x), Full<A>{}); },
        [&](std::size_t f, Words<A> v)
            __attribute__((always_inline)) { store(put(f), as_ints(v), Full<A>{}); });
  }

  /// The two axes have left a factor of 9; its inverse modulo 2^32 divides exactly.
  template <std::size_t Count>
  [[gnu::always_inline]] static void scale(const EpilogueTile<A, Count, 1>& tile, const I* sums,
                                           F (&y)[Count][1]) noexcept {
    const I ninth = I::broadcast(0x38E38E39);
    const I offset = tile.offset(std::integral_constant<std::size_t, 0>{});
    I acc[Count][1];
    unroll<Count>([&](auto i) __attribute__((always_inline)) { acc[i][0] = sums[i] * ninth + offset; });
    tile.scale(acc, y);
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
