#pragma once

#include <cstddef>
#include <cstring>

#include "engine/kernels/layout/layout.h"
#include "engine/kernels/layout/units.h"
#include "engine/kernels/quantize-inl.h"
#include "engine/kernels/rows-inl.h"

/// Changes of layout, once for all instruction sets. All of them are one transposition of a square of 32-bit
/// lanes: f32 moves one channel per lane, u8 moves four channels per lane (the bytes of a pixel, low byte
/// first, as memory has them on the machines that we run on). What differs is how a plane is read or written,
/// see the Plane* types.
namespace refcalib::engine::kernels {

// ---- planes: `read` gives the lanes of consecutive pixels of one channel, `write` takes them
// --------------------------

template <class Arch>
struct PlaneF32 {
  using Planar = float;
  explicit PlaneF32(const LayoutArgs&) {}
  template <class N>
  Ints<Arch> read(const float* p, std::int64_t, N n) const {
    return bits(load(p, n));
  }
  template <class N>
  void write(float* p, Ints<Arch> lanes, std::int64_t, N n) const {
    store(p, as_floats(lanes), n);
  }
};

template <class Arch>
struct PlaneWidened {
  using Planar = std::uint8_t;
  explicit PlaneWidened(const LayoutArgs&) {}
  template <class N>
  Ints<Arch> read(const std::uint8_t* p, std::int64_t, N n) const {
    return bits(to_float(load_u8(p, n)));
  }
};

template <class Arch>
struct PlaneU8 {
  using Planar = std::uint8_t;
  explicit PlaneU8(const LayoutArgs&) {}
  template <class N>
  Ints<Arch> read(const std::uint8_t* p, std::int64_t, N n) const {
    return load_u8(p, n);
  }
  template <class N>
  void write(std::uint8_t* p, Ints<Arch> lanes, std::int64_t, N n) const {
    store_u8(p, lanes, n);
  }
};

template <class Arch>
struct PlaneQuantized {
  using Planar = float;
  explicit PlaneQuantized(const LayoutArgs& a) : quantizer(a.zero_point), inv_scale(a.inv_scale) {}
  template <class N>
  Ints<Arch> read(const float* p, std::int64_t c, N n) const {
    return quantizer(load(p, n) * Floats<Arch>::broadcast(inv_scale[c]));
  }
  Quantizer<Arch> quantizer;
  const float* inv_scale;
};

template <class Arch>
struct PlaneDequantized {
  using Planar = float;
  explicit PlaneDequantized(const LayoutArgs& a) : dequantizer(a.zero_point), scale(a.scale) {}
  template <class N>
  void write(float* p, Ints<Arch> lanes, std::int64_t c, N n) const {
    store(p, dequantizer(lanes, Floats<Arch>::broadcast(scale[c])), n);
  }
  Dequantizer<Arch> dequantizer;
  const float* scale;
};

// ---- tiles of pixels
// --------------------------------------------------------------------------------------------------

/// Calls tile(offset of the first plane's pixel, offset of the pixel's first channel, number of pixels) for
/// tiles of one vector of pixels.
template <class Arch, class Tile>
REFCALIB_INLINE void for_pixel_tiles(const LayoutArgs& a, std::int64_t begin, std::int64_t end,
                                     const Tile& tile) {
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const LayoutUnit u = layout_unit(a, unit);
    for_vectors<Arch, Ints<Arch>::size>(u.last_pixel - u.first_pixel, [&](std::int64_t offset, auto pixels) {
      const std::int64_t p = u.first_pixel + offset;
      tile(u.n * a.planar_batch_stride + p, u.n * a.interleaved_batch_stride + p * a.pixel_stride, pixels);
    });
  }
}

template <class Arch>
constexpr int pixel_count(Full<Arch>) {
  return Ints<Arch>::size;
}
template <class Arch>
constexpr int pixel_count(First<Arch> first) {
  return first.n;
}

/// Calls f(Full) or f(First{left}) for a row of `left` elements of which a vector takes `size`.
template <class Arch, class F>
REFCALIB_INLINE void with_part(std::int64_t left, std::int64_t size, const F& f) {
  if (left >= size) {
    f(Full<Arch>{});
  } else {
    f(First<Arch>{static_cast<int>(left)});
  }
}

// ---- planes to pixels
// -------------------------------------------------------------------------------------------------

template <class Arch, class Plane>
class ToPixels {
  using Planar = typename Plane::Planar;
  static constexpr int size = Ints<Arch>::size;

 public:
  /// f32 pixels: one channel per lane.
  static void run_f32(const LayoutArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const Plane plane(a);
    for_pixel_tiles<Arch>(a, begin, end, [&](std::int64_t in_offset, std::int64_t out_offset, auto pixels) {
      const Planar* in = static_cast<const Planar*>(a.input) + in_offset;
      float* out = static_cast<float*>(a.output) + out_offset;
      if (a.padded_channels == 3 && a.pixel_stride == 3 && pixel_count(pixels) == size) {
        store_interleaved(out, channel(a, plane, in, 0, 0, pixels), channel(a, plane, in, 1, 0, pixels),
                          channel(a, plane, in, 2, 0, pixels));
        return;
      }
      if (a.padded_channels <= few_channels) {
        float planes[few_channels * lane_count<Arch>];
        for (std::int64_t c = 0; c < a.padded_channels; ++c) {
          store(planes + c * size, as_floats(channel(a, plane, in, c, 0, pixels)), Full<Arch>{});
        }
        with_channel_count(a.padded_channels, [&](auto channels) {
          for (int i = 0; i < pixel_count(pixels); ++i) {
            for (int c = 0; c < channels.value; ++c) {
              out[i * a.pixel_stride + c] = planes[c * size + i];
            }
          }
        });
        return;
      }
      for (std::int64_t c = 0; c < a.padded_channels; c += size) {
        Ints<Arch> lanes[lane_count<Arch>];
        for (int j = 0; j < size; ++j) {
          lanes[j] = channel(a, plane, in, c + j, 0, pixels);
        }
        transpose(lanes);
        with_part<Arch>(a.padded_channels - c, size, [&](auto channels) {
          for (int i = 0; i < pixel_count(pixels); ++i) {
            store(out + i * a.pixel_stride + c, as_floats(lanes[i]), channels);
          }
        });
      }
    });
  }

  /// u8 pixels: four channels per lane.
  static void run_u8(const LayoutArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const Plane plane(a);
    for_pixel_tiles<Arch>(a, begin, end, [&](std::int64_t in_offset, std::int64_t out_offset, auto pixels) {
      const Planar* in = static_cast<const Planar*>(a.input) + in_offset;
      std::uint8_t* out = static_cast<std::uint8_t*>(a.output) + out_offset;
      if (a.padded_channels == 4 && a.pixel_stride == 4) {
        // The picture that enters a network: a lane is a pixel as it lies in memory.
        store_bytes(out, as_bytes(four_channels(a, plane, in, 0, pixels)), bytes(pixels));
        return;
      }
      if (a.padded_channels == 3 && a.pixel_stride == 3) {
        store_three_of_four(out, four_channels(a, plane, in, 0, pixels), pixels);
        return;
      }
      if (a.padded_channels <= few_channels) {
        std::uint8_t block[4 * lane_count<Arch>];
        store_bytes(block, as_bytes(four_channels(a, plane, in, 0, pixels)), Full<Arch>{});
        with_channel_count(a.padded_channels, [&](auto channels) {
          for (int i = 0; i < pixel_count(pixels); ++i) {
            std::memcpy(out + i * a.pixel_stride, block + 4 * i, static_cast<std::size_t>(channels.value));
          }
        });
        return;
      }
      for (std::int64_t c = 0; c < a.padded_channels; c += 4 * size) {
        Ints<Arch> lanes[lane_count<Arch>];
        for (int j = 0; j < size; ++j) {
          const std::int64_t first = c + 4 * j;
          lanes[j] = first < a.padded_channels ? four_channels(a, plane, in, first, pixels)
                                               : Ints<Arch>::broadcast(0);
        }
        transpose(lanes);
        with_part<Arch>(a.padded_channels - c, 4 * size, [&](auto channels) {
          for (int i = 0; i < pixel_count(pixels); ++i) {
            store_bytes(out + i * a.pixel_stride + c, as_bytes(lanes[i]), channels);
          }
        });
      }
    });
  }

 private:
  // Pictures and maps of so few channels would leave most of a transposed square empty.
  static constexpr std::int64_t few_channels = 4;

  template <int C>
  struct ChannelCount {
    static constexpr int value = C;
  };
  /// Calls f with the number of channels as a constant, so that its loops over them unroll.
  template <class F>
  REFCALIB_INLINE static void with_channel_count(std::int64_t channels, const F& f) {
    switch (channels) {
      case 1:
        return f(ChannelCount<1>{});
      case 2:
        return f(ChannelCount<2>{});
      case 3:
        return f(ChannelCount<3>{});
      default:
        return f(ChannelCount<4>{});
    }
  }

  static constexpr Full<Arch> bytes(Full<Arch>) { return {}; }
  static constexpr First<Arch> bytes(First<Arch> first) { return {4 * first.n}; }

  /// The pixels of channel c, or padding.
  template <class N>
  REFCALIB_INLINE static Ints<Arch> channel(const LayoutArgs& a, const Plane& plane, const Planar* in,
                                            std::int64_t c, std::int32_t padding, N pixels) {
    return c < a.channels ? plane.read(in + c * a.plane_stride, c, pixels) : Ints<Arch>::broadcast(padding);
  }

  template <class N>
  REFCALIB_INLINE static Ints<Arch> four_channels(const LayoutArgs& a, const Plane& plane, const Planar* in,
                                                  std::int64_t c, N pixels) {
    return channel(a, plane, in, c, a.zero_point, pixels) |
           shift_left<8>(channel(a, plane, in, c + 1, a.zero_point, pixels)) |
           shift_left<16>(channel(a, plane, in, c + 2, a.zero_point, pixels)) |
           shift_left<24>(channel(a, plane, in, c + 3, a.zero_point, pixels));
  }
};

// ---- pixels to planes
// -------------------------------------------------------------------------------------------------

template <class Arch, class Plane>
class ToPlanes {
  using Planar = typename Plane::Planar;
  static constexpr int size = Ints<Arch>::size;

 public:
  /// f32 pixels: one channel per lane.
  static void run_f32(const LayoutArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const Plane plane(a);
    for_pixel_tiles<Arch>(a, begin, end, [&](std::int64_t out_offset, std::int64_t in_offset, auto pixels) {
      const float* in = static_cast<const float*>(a.input) + in_offset;
      Planar* out = static_cast<Planar*>(a.output) + out_offset;
      for (std::int64_t c = 0; c < a.channels; c += size) {
        Ints<Arch> lanes[lane_count<Arch>];
        with_part<Arch>(a.channels - c, size, [&](auto channels) {
          for (int i = 0; i < size; ++i) {
            lanes[i] = i < pixel_count(pixels) ? bits(load(in + i * a.pixel_stride + c, channels))
                                               : Ints<Arch>::broadcast(0);
          }
        });
        transpose(lanes);
        for (int j = 0; j < size && c + j < a.channels; ++j) {
          plane.write(out + (c + j) * a.plane_stride, lanes[j], c + j, pixels);
        }
      }
    });
  }

  /// u8 pixels: four channels per lane.
  static void run_u8(const LayoutArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const Plane plane(a);
    for_pixel_tiles<Arch>(a, begin, end, [&](std::int64_t out_offset, std::int64_t in_offset, auto pixels) {
      const std::uint8_t* in = static_cast<const std::uint8_t*>(a.input) + in_offset;
      Planar* out = static_cast<Planar*>(a.output) + out_offset;
      for (std::int64_t c = 0; c < a.channels; c += 4 * size) {
        Ints<Arch> lanes[lane_count<Arch>];
        with_part<Arch>(a.channels - c, 4 * size, [&](auto channels) {
          for (int i = 0; i < size; ++i) {
            lanes[i] = i < pixel_count(pixels) ? as_ints(load_bytes(in + i * a.pixel_stride + c, channels))
                                               : Ints<Arch>::broadcast(0);
          }
        });
        transpose(lanes);
        for (int j = 0; j < size && c + 4 * j < a.channels; ++j) {
          four_planes(a, plane, out, lanes[j], c + 4 * j, pixels);
        }
      }
    });
  }

 private:
  template <class N>
  REFCALIB_INLINE static void four_planes(const LayoutArgs& a, const Plane& plane, Planar* out,
                                          Ints<Arch> lanes, std::int64_t c, N pixels) {
    const auto byte = Ints<Arch>::broadcast(255);
    for (int k = 0; k < 4 && c + k < a.channels; ++k) {
      plane.write(out + (c + k) * a.plane_stride, lanes & byte, c + k, pixels);
      lanes = shift_right<8>(lanes);
    }
  }
};

template <class Arch>
constexpr LayoutKernels make_layout_kernels(const char* name, Isa isa) {
  return {name,
          isa,
          &ToPixels<Arch, PlaneF32<Arch>>::run_f32,
          &ToPixels<Arch, PlaneU8<Arch>>::run_u8,
          &ToPixels<Arch, PlaneQuantized<Arch>>::run_u8,
          &ToPixels<Arch, PlaneWidened<Arch>>::run_f32,
          &ToPlanes<Arch, PlaneF32<Arch>>::run_f32,
          &ToPlanes<Arch, PlaneU8<Arch>>::run_u8,
          &ToPlanes<Arch, PlaneDequantized<Arch>>::run_u8};
}

}  // namespace refcalib::engine::kernels
