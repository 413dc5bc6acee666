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

/// out[r][v] = sum over u of in[r][u] * weights[u][v], one chain of steps from 0. Pitches in units. `ahead`: bytes
/// from a step's weights to those that are fetched early with it.
template <class Step, std::size_t Rows, std::size_t Columns>
void winograd_product(const typename Step::Unit* in, std::int64_t in_pitch,
                      const typename Step::Unit* weights, std::int64_t units, typename Step::Unit* out,
                      std::int64_t out_pitch, std::int64_t ahead) noexcept {
  using Arch = typename Step::Arch;
  using Sum = typename Step::Sum;
  constexpr std::int64_t lanes = Sum::size;
  Sum acc[Rows][Columns];
  const typename Step::Unit* row[Rows];
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    row[r] = in + static_cast<std::int64_t>(r()) * in_pitch;
    unroll<Columns>([&](auto v) __attribute__((always_inline)) { acc[r][v] = Step::zero(); });
  });
  for (std::int64_t u = 0; u < units; ++u) {
    Sum w[Columns];
    unroll<Columns>([&](auto v) __attribute__((always_inline)) {
      w[v] = load(weights + static_cast<std::int64_t>(v()) * lanes, Full<Arch>{});
    });
    prefetch_far(reinterpret_cast<const std::byte*>(weights) + ahead);
    weights += static_cast<std::int64_t>(Columns) * lanes;
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      const typename Step::Unit x = row[r][u];
      unroll<Columns>([&](auto v) __attribute__((always_inline)) {
        acc[r][v] = Step::add(acc[r][v], x, w[v]);
        Simd<Arch>::pin(acc[r][v].v);
      });
    });
  }
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    unroll<Columns>([&](auto v) __attribute__((always_inline)) {
      store(out + static_cast<std::int64_t>(r()) * out_pitch + static_cast<std::int64_t>(v()) * lanes,
            acc[r][v], Full<Arch>{});
    });
  });
}

/// The register tiles of one instruction set: RowsOf[c - 1] rows by c vectors, and every smaller number of rows.
template <class StepOf, int... RowsOf>
struct WinogradProducts {
  using Step = StepOf;
  using Unit = typename Step::Unit;
  using Product = void (*)(const Unit*, std::int64_t, const Unit*, std::int64_t, Unit*, std::int64_t,
                           std::int64_t) noexcept;
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
