#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/kernels/batch.h"
#include "engine/kernels/prefetch.h"
#include "engine/kernels/unroll.h"

/// The matrix products inside Winograd's convolution: tiles times input channels times output channels. Included by
/// instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

/// out[r][v] = sum over c of in[r][c] * weights[c][v], one chain of fused multiply-adds from 0. Pitches in floats. `ahead`: bytes
/// from a step's weights to those that are fetched early with it.
template <class A, std::size_t Rows, std::size_t Columns>
void winograd_product(const float* in, std::int64_t in_pitch, const float* weights, std::int64_t channels,
                      float* out, std::int64_t out_pitch, std::int64_t ahead) noexcept {
  using F = Floats<A>;
  constexpr std::int64_t lanes = Simd<A>::lanes;
  F acc[Rows][Columns];
  const float* row[Rows];
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    row[r] = in + static_cast<std::int64_t>(r()) * in_pitch;
    unroll<Columns>([&](auto v) __attribute__((always_inline)) { acc[r][v] = F::broadcast(0.0F); });
  });
  for (std::int64_t c = 0; c < channels; ++c) {
    F w[Columns];
    unroll<Columns>([&](auto v) __attribute__((always_inline)) {
      w[v] = load(weights + static_cast<std::int64_t>(v()) * lanes, Full<A>{});
    });
    prefetch_far(reinterpret_cast<const std::byte*>(weights) + ahead);
    weights += static_cast<std::int64_t>(Columns) * lanes;
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      const F x = F::broadcast(row[r][c]);
      unroll<Columns>([&](auto v) __attribute__((always_inline)) {
        acc[r][v] = fma(x, w[v], acc[r][v]);
        Simd<A>::pin(acc[r][v].v);
      });
    });
  }
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    unroll<Columns>([&](auto v) __attribute__((always_inline)) {
      store(out + static_cast<std::int64_t>(r()) * out_pitch + static_cast<std::int64_t>(v()) * lanes,
            acc[r][v], Full<A>{});
    });
  });
}

/// The register tiles of one instruction set: RowsOf[c - 1] rows by c vectors, and every smaller number of rows.
template <class A, int... RowsOf>
struct WinogradProducts {
  using Product = void (*)(const float*, std::int64_t, const float*, std::int64_t, float*, std::int64_t,
                           std::int64_t) noexcept;
  static constexpr int max_columns = sizeof...(RowsOf);
  static constexpr int rows[] = {0, RowsOf...};
  static constexpr std::size_t most_rows = 12;
  struct Table {
    Product of[sizeof...(RowsOf) + 1][most_rows + 1];
  };

  template <std::size_t Columns, std::size_t... Rows>
  static constexpr void fill(Table& table, std::index_sequence<Rows...>) {
    ((table.of[Columns][Rows + 1] = &winograd_product<A, Rows + 1, Columns>), ...);
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
