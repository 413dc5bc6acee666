#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/kernels/batch.h"
#include "engine/kernels/prefetch.h"
#include "engine/kernels/unroll.h"

/// The matrix products inside Winograd's convolution: tiles times input channels times output channels. What meets in one step is a
/// unit of four bytes: a float, or a pair of int16. Included by
/// instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// One float of an input times a vector of weights.
template <class A>
struct FloatStep {
  using Arch = A;
  using Unit = float;
  using Sum = Floats<A>;
  [[gnu::always_inline]] static Sum zero() { return Sum::broadcast(0.0F); }
  [[gnu::always_inline]] static Sum add(Sum sum, Unit x, Sum weights) {
    return fma(Sum::broadcast(x), weights, sum);
  }
};

/// Two int16 of neighbouring channels, which lie in one int32, times two vectors of weights.
template <class A>
struct PairStep {
  using Arch = A;
  using Unit = std::int32_t;
  using Sum = Ints<A>;
  [[gnu::always_inline]] static Sum zero() { return Sum::broadcast(0); }
  [[gnu::always_inline]] static Sum add(Sum sum, Unit x, Sum weights) {
    return dot2(as_words(Sum::broadcast(x)), as_words(weights), sum);
  }
};

/// Transformed inputs and products of a tile lie in groups of this many: a cache line of one frequency beside that of the next, then the next
/// group. So every place is known when this is compiled.
constexpr std::int64_t kGroup = 16;

/// out[r][v] = sum over u of in[r][u] * weights[u][v], one chain of steps from 0. `in` and `out` lead to one frequency of the first group of
/// a tile; pitches, from tile to tile and from group to group, in units. `ahead`: bytes from a step's weights to those that are fetched
/// early with it, `second`: from there to others.
template <class Step, std::size_t Rows, std::size_t Columns>
void winograd_product(const typename Step::Unit* in, std::int64_t in_pitch, std::int64_t group_pitch,
                      const typename Step::Unit* weights, std::int64_t units, typename Step::Unit* out,
                      std::int64_t out_pitch, std::int64_t ahead, std::int64_t second) noexcept {
  using Arch = typename Step::Arch;
  using Sum = typename Step::Sum;
  constexpr std::int64_t lanes = Sum::size;
  Sum acc[Rows][Columns];
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    unroll<Columns>([&](auto v) __attribute__((always_inline)) { acc[r][v] = Step::zero(); });
  });
  for (std::int64_t u = 1; u <= units; ++u) {
    Sum w[Columns];
    unroll<Columns>([&](auto v) __attribute__((always_inline)) {
      w[v] = load(weights + static_cast<std::int64_t>(v()) * lanes, Full<Arch>{});
    });
    prefetch_far(reinterpret_cast<const std::byte*>(weights) + ahead);
    if constexpr (static_cast<std::int64_t>(Columns) * lanes > kGroup)  // else one line holds a step
      prefetch_far(reinterpret_cast<const std::byte*>(weights) + ahead + second);
    weights += static_cast<std::int64_t>(Columns) * lanes;
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      const typename Step::Unit x = in[static_cast<std::int64_t>(r()) * in_pitch];
      unroll<Columns>([&](auto v) __attribute__((always_inline)) {
        acc[r][v] = Step::add(acc[r][v], x, w[v]);
        Simd<Arch>::pin(acc[r][v].v);
      });
    });
    const typename Step::Unit* const next_group = in + 1 + (group_pitch - kGroup);
    in = u % kGroup == 0 ? next_group : in + 1;
  }
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    unroll<Columns>([&](auto v) __attribute__((always_inline)) {
      constexpr std::int64_t column = static_cast<std::int64_t>(v()) * lanes;
      store(
          out + static_cast<std::int64_t>(r()) * out_pitch + column / kGroup * group_pitch + column % kGroup,
          acc[r][v], Full<Arch>{});
    });
  });
}

/// The register tiles of one instruction set: RowsOf[c - 1] rows by c vectors, and every smaller number of rows.
template <class Step, int... RowsOf>
struct WinogradProducts {
  using Unit = typename Step::Unit;
  using Product = void (*)(const Unit*, std::int64_t, std::int64_t, const Unit*, std::int64_t, Unit*,
                           std::int64_t, std::int64_t, std::int64_t) noexcept;
  static constexpr int max_columns = sizeof...(RowsOf);
  static constexpr int rows[] = {0, RowsOf...};
  static constexpr std::size_t most_rows = 12;
  struct Table {
    Product of[sizeof...(RowsOf) + 1][most_rows + 1];
  };

  template <std::size_t Columns, std::size_t... Rows>
  static constexpr void fill(Table& table, std::index_sequence<Rows...>) {
    ((table.of[Columns][Rows + 1] = &winograd_product<Step, Rows + 1, Columns>), ...);
  }
  template <std::size_t... Columns>
  static constexpr Table make(std::index_sequence<Columns...>) {
    Table table{};
    (fill<Columns + 1>(table, std::make_index_sequence<static_cast<std::size_t>(rows[Columns + 1])>{}), ...);
    return table;
  }
  static constexpr Table table = make(std::make_index_sequence<sizeof...(RowsOf)>{});
};

}  // namespace
}  // namespace refcalib::engine::kernels
