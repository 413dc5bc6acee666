#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "engine/kernels/batch.h"
#include "engine/kernels/epilogue.h"
#include "engine/kernels/prefetch.h"
#include "engine/kernels/unroll.h"

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
  using I = Ints<Arch>;
  static constexpr std::size_t lanes = F::size;

  const Epilogue& e;
  std::int64_t channel;  ///< first output channel of the tile
  std::size_t
      columns;  ///< valid channels; all vectors but the last are full: (Vectors - 1) * lanes < columns

  /// Valid channels of the last vector.
  [[gnu::always_inline]] First<Arch> rest() const {
    return {static_cast<int>(columns - (Vectors - 1) * lanes)};
  }

  /// Calls f(vector, extent) for the vectors of a row: whole ones, and the rest of the last.
  template <class Body>
  [[gnu::always_inline]] void over_columns(const Body& body) const {
    unroll<Vectors - 1>([&](auto v) __attribute__((always_inline)) { body(v, Full<Arch>{}); });
    constexpr std::integral_constant<std::size_t, Vectors - 1> last;
    if (columns == Vectors * lanes) {
      body(last, Full<Arch>{});
    } else {
      body(last, rest());
    }
  }

  /// Calls f(row, vector) for all vectors of the tile.
  template <class Body>
  [[gnu::always_inline]] static void over_tile(const Body& body) {
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      unroll<Vectors>([&](auto v) __attribute__((always_inline)) { body(r, v); });
    });
  }

  /// A vector of a per-channel array. The last one stops at the last valid channel: where a group of the
  /// convolution begins inside a vector, the array may end before the vector does.
  template <std::size_t vector>
  [[gnu::always_inline]] F parameter(const float* array, std::integral_constant<std::size_t, vector>) const {
    const float* const p = array + channel + static_cast<std::int64_t>(vector * lanes);
    if constexpr (vector + 1 < Vectors) {
      return load(p, Full<Arch>{});
    } else {
      return load(p, rest());
    }
  }

  /// acc_offset: what integer sums start from.
  template <std::size_t vector>
  [[gnu::always_inline]] I offset(std::integral_constant<std::size_t, vector>) const {
    const std::int32_t* const p = e.acc_offset + channel + static_cast<std::int64_t>(vector * lanes);
    if constexpr (vector + 1 < Vectors) {
      return {Simd<Arch>::load(p)};
    } else {
      return {Simd<Arch>::load_n(p, rest().n)};
    }
  }

  /// Before the sums: what they will meet comes near meanwhile.
  [[gnu::always_inline]] void fetch_early(const TileRow (&rows)[Rows]) const {
    constexpr std::size_t line = 64, floats = Vectors * lanes * sizeof(float);
    const bool wide = e.output_kind == Epilogue::Output::f32;
    unroll<Rows>([&](auto r) __attribute__((always_inline)) { prefetch_to_write(rows[r].output); });
    if (wide && floats > line) {
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        unroll<(floats - 1) / line>([&](auto i) __attribute__((always_inline)) {
          prefetch_to_write(rows[r].output + (i + 1) * line);
        });
      });
    }
    if (e.residual_kind == Epilogue::Residual::none) return;
    unroll<Rows>([&](auto r) __attribute__((always_inline)) { prefetch(rows[r].residual); });
    if (e.residual_kind == Epilogue::Residual::f32 && floats > line) {
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        unroll<(floats - 1) / line>([&](auto i) __attribute__((always_inline)) {
          prefetch(rows[r].residual + (i + 1) * line);
        });
      });
    }
  }

  /// y = fma(float(acc), scale, bias), where acc started from offset()
  [[gnu::always_inline]] void scale(const I (&acc)[Rows][Vectors], F (&y)[Rows][Vectors]) const {
    unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
      const F s = parameter(e.scale, v), b = parameter(e.bias, v);
      unroll<Rows>([&](auto r) __attribute__((always_inline)) { y[r][v] = fma(to_float(acc[r][v]), s, b); });
    });
  }

  [[gnu::always_inline]] void finish(F (&y)[Rows][Vectors], const TileRow (&rows)[Rows]) const {
    if (e.residual_kind != Epilogue::Residual::none) {
      add_residual(y, rows);
    }
    if (e.slope != nullptr) {
      const F zero = F::broadcast(0.0F);
      unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
        const F slope = parameter(e.slope, v);
        unroll<Rows>([&](auto r) __attribute__((always_inline)) {
          y[r][v] = select(less(y[r][v], zero), y[r][v] * slope, y[r][v]);
        });
      });
    }
    if (e.output_kind == Epilogue::Output::f32) {
      store_floats(y, rows);
    } else {
      store_quantized(y, rows);
    }
  }

 private:
  template <class V>
  [[gnu::always_inline]] F in_units_of_output(float bound, V vector) const {
    const F b = F::broadcast(bound);
    return e.inv_scale == nullptr ? b : b * parameter(e.inv_scale, vector);
  }

  [[gnu::always_inline]] void add_residual(F (&y)[Rows][Vectors], const TileRow (&rows)[Rows]) const {
    if (e.residual_kind == Epilogue::Residual::f32) {
      over_columns([&](auto v, auto extent) __attribute__((always_inline)) {
        unroll<Rows>([&](auto r) __attribute__((always_inline)) {
          y[r][v] = y[r][v] + load(reinterpret_cast<const float*>(rows[r].residual) + v * lanes, extent);
        });
      });
      return;
    }
    const F s = F::broadcast(e.residual_scale);
    over_columns([&](auto v, auto extent) __attribute__((always_inline)) {
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        const I q = load_u8(reinterpret_cast<const std::uint8_t*>(rows[r].residual) + v * lanes, extent);
        y[r][v] = fma(to_float(q), s, y[r][v]);
      });
    });
  }

  [[gnu::always_inline]] void store_floats(F (&y)[Rows][Vectors], const TileRow (&rows)[Rows]) const {
    const F low = F::broadcast(e.low), high = F::broadcast(e.high);
    over_tile([&](auto r, auto v) __attribute__((always_inline)) { y[r][v] = min(max(y[r][v], low), high); });
    over_columns([&](auto v, auto extent) __attribute__((always_inline)) {
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        store(reinterpret_cast<float*>(rows[r].output) + v * lanes, y[r][v], extent);
      });
    });
  }

  /// The four clamps of epilogue.h in at most two operations per value. Multiplying by inv_scale > 0 and
  /// rounding is monotonic, so `high` and 255 become one bound behind the multiplication; it is not needed where packing
  /// saturates to the same byte. Below, saturation while packing is the clamp at 0; `low` matters only where it lies
  /// above that. The minimum's operands stand so that NaN passes: it converts to INT32_MIN and ends as 0, which is also where
  /// a `low` without effect would lead; a `low` with effect turns it into the bound.
  [[gnu::always_inline]] void store_quantized(F (&y)[Rows][Vectors], const TileRow (&rows)[Rows]) const {
    const F most = F::broadcast(static_cast<float>(255 - e.zero_point));
    const bool clamps_below = !(e.low == -__builtin_inff() || (e.low <= 0 && e.zero_point == 0));
    if (e.inv_scale != nullptr) {
      unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
        const F inverse = parameter(e.inv_scale, v);
        unroll<Rows>([&](auto r) __attribute__((always_inline)) { y[r][v] = y[r][v] * inverse; });
      });
    }
    if (!e.saturates) {
      unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
        const F upper = min(in_units_of_output(e.high, v), most);
        unroll<Rows>([&](auto r) __attribute__((always_inline)) { y[r][v] = min(upper, y[r][v]); });
      });
    }
    if (clamps_below) {
      unroll<Vectors>([&](auto v) __attribute__((always_inline)) {
        const F lower = in_units_of_output(e.low, v);
        unroll<Rows>([&](auto r) __attribute__((always_inline)) { y[r][v] = max(y[r][v], lower); });
      });
    }
    const I zero_points = I::broadcast(e.zero_point * 0x10001);
    const bool whole = columns == Vectors * lanes;
    if constexpr (Vectors == 1 && Rows % 4 == 0) {
      if (whole) {
        // Four rows fill the vector that packing makes.
        unroll<Rows / 4>([&](auto i) __attribute__((always_inline)) {
          constexpr std::size_t r = 4 * i();
          const auto bytes =
              Simd<Arch>::pack_u8x4(round_to_int(y[r][0]).v, round_to_int(y[r + 1][0]).v,
                                    round_to_int(y[r + 2][0]).v, round_to_int(y[r + 3][0]).v, zero_points.v);
          const auto to = [&](std::size_t row) { return reinterpret_cast<std::uint8_t*>(rows[row].output); };
          Simd<Arch>::scatter_quarters(to(r), to(r + 1), to(r + 2), to(r + 3), bytes);
        });
        return;
      }
    }
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      typename Simd<Arch>::I q[4];
      unroll<4>([&](auto v) __attribute__((always_inline)) {
        if constexpr (v < Vectors) {
          q[v] = round_to_int(y[r][v]).v;
        } else {
          q[v] = I::broadcast(0).v;
        }
      });
      const auto bytes = Simd<Arch>::pack_u8x4(q[0], q[1], q[2], q[3], zero_points.v);
      auto* const to = reinterpret_cast<std::uint8_t*>(rows[r].output);
      if (whole) {
        Simd<Arch>::template store_quarters<Vectors>(to, bytes);
      } else {
        Simd<Arch>::store_bytes_n(to, bytes, static_cast<int>(columns));
      }
    });
  }
};

}  // namespace
}  // namespace refcalib::engine::kernels
