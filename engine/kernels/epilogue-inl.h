#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/batch.h"
#include "engine/kernels/epilogue.h"
#include "engine/kernels/quantize-inl.h"

/// The epilogue of epilogue.h over a register tile. Each phase runs over the whole tile, so that a call takes
/// one branch per phase and not one per vector. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// One row of the tile: where its results go and its residual comes from (first channel of the tile).
struct TileRow {
  std::byte* output;
  const std::byte* residual;
};

template <class Arch, std::size_t Rows, std::size_t Vectors>
struct EpilogueTile {
  using F = Floats<Arch>;
  static constexpr std::size_t lanes = F::size;

  const Epilogue& e;
  std::int64_t channel;  ///< first output channel of the tile
  std::size_t columns;   ///< valid channels, 1 .. Vectors * lanes

  /// Calls f(vector, extent) for the vectors of a row: whole ones, and the rest of the last.
  template <class Body>
  [[gnu::always_inline]] inline void over_columns(const Body& body) const {
    if (columns == Vectors * lanes) {
      for (std::size_t v = 0; v < Vectors; ++v) body(v, Full<Arch>{});
      return;
    }
    for (std::size_t v = 0; v < Vectors; ++v) {
      if (columns >= (v + 1) * lanes)
        body(v, Full<Arch>{});
      else if (columns > v * lanes)
        body(v, First<Arch>{static_cast<int>(columns - v * lanes)});
    }
  }

  [[gnu::always_inline]] inline F parameter(const float* array, std::size_t v) const {
    return load(array + channel + static_cast<std::ptrdiff_t>(v * lanes), Full<Arch>{});
  }

  [[gnu::always_inline]] inline void scale(const Ints<Arch> (&acc)[Rows][Vectors],
                                           F (&y)[Rows][Vectors]) const {
    for (std::size_t v = 0; v < Vectors; ++v) {
      const Ints<Arch> offset{
          Simd<Arch>::load(e.acc_offset + channel + static_cast<std::ptrdiff_t>(v * lanes))};
      const F s = parameter(e.scale, v), b = parameter(e.bias, v);
      for (std::size_t r = 0; r < Rows; ++r) y[r][v] = to_float(acc[r][v] + offset) * s + b;
    }
  }

  [[gnu::always_inline]] inline void finish(F (&y)[Rows][Vectors], const TileRow (&rows)[Rows]) const {
    if (e.residual_kind == Epilogue::Residual::f32) {
      for (std::size_t r = 0; r < Rows; ++r)
        over_columns([&](std::size_t v, auto extent) __attribute__((always_inline)) {
          y[r][v] = y[r][v] + load(reinterpret_cast<const float*>(rows[r].residual) + v * lanes, extent);
        });
    } else if (e.residual_kind == Epilogue::Residual::u8) {
      const F s = F::broadcast(e.residual_scale);
      const Ints<Arch> zero = Ints<Arch>::broadcast(e.residual_zero_point);
      for (std::size_t r = 0; r < Rows; ++r)
        over_columns([&](std::size_t v, auto extent) __attribute__((always_inline)) {
          const Ints<Arch> q =
              load_u8(reinterpret_cast<const std::uint8_t*>(rows[r].residual) + v * lanes, extent);
          y[r][v] = y[r][v] + to_float(q - zero) * s;
        });
    }
    if (e.slope != nullptr) {
      for (std::size_t v = 0; v < Vectors; ++v) {
        const F slope = parameter(e.slope, v), zero = F::broadcast(0.0F);
        for (std::size_t r = 0; r < Rows; ++r)
          y[r][v] = select(less(y[r][v], zero), y[r][v] * slope, y[r][v]);
      }
    }
    const F low = F::broadcast(e.low), high = F::broadcast(e.high);
    for (std::size_t r = 0; r < Rows; ++r)
      for (std::size_t v = 0; v < Vectors; ++v) y[r][v] = min(max(y[r][v], low), high);
    if (e.output_kind == Epilogue::Output::f32) return store_floats(y, rows);
    store_bytes_of(y, rows);
  }

  [[gnu::always_inline]] inline void store_floats(F (&y)[Rows][Vectors], const TileRow (&rows)[Rows]) const {
    for (std::size_t r = 0; r < Rows; ++r)
      over_columns([&](std::size_t v, auto extent) __attribute__((always_inline)) {
        store(reinterpret_cast<float*>(rows[r].output) + v * lanes, y[r][v], extent);
      });
  }

  [[gnu::always_inline]] inline void store_bytes_of(F (&y)[Rows][Vectors],
                                                    const TileRow (&rows)[Rows]) const {
    const Quantizer<Arch> quantize(e.zero_point);
    for (std::size_t v = 0; v < Vectors; ++v) {
      const F inverse = parameter(e.inv_scale, v);
      for (std::size_t r = 0; r < Rows; ++r) y[r][v] = y[r][v] * inverse;
    }
    for (std::size_t r = 0; r < Rows; ++r)
      over_columns([&](std::size_t v, auto extent) __attribute__((always_inline)) {
        store_u8(reinterpret_cast<std::uint8_t*>(rows[r].output) + v * lanes, quantize(y[r][v]), extent);
      });
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
