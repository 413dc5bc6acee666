#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/conv/steps-inl.h"
#include "engine/kernels/dot.h"
#include "engine/kernels/epilogue-inl.h"
#include "engine/kernels/prefetch.h"
#include "engine/kernels/unroll.h"

/// The inner loop of the convolution: a register tile of Rows pixels by Columns vectors of output channels.
/// Included by instruction-set files only; in an unnamed namespace, so that each file has its own.
namespace refcalib::engine::kernels {
namespace {

/// One call of a tile.
template <class Product>
struct TileCall {
  const typename Product::Input* const*
      taps;                 ///< [tap][stride of rows]: first channel of the tap for each row
  std::int64_t row_stride;  ///< rows of the table per tap
  const typename Product::Input*
      padding;  ///< what taps outside the image lead to, if it adds nothing to integers; else nullptr
  std::int64_t tap_count;
  std::int64_t groups_per_tap;  ///< broadcasts per tap
  const std::byte* panel;       ///< packed weights [tap][group][column vector], or [step][column vector]
  const ListedStep* steps;      ///< of a panel with a list
  std::int64_t capacity, in_place, reordered;  ///< steps of the list
  std::int64_t ahead;  ///< bytes from a weight to the one that is fetched early with it
  const Epilogue* epilogue;
  std::int64_t channel;        ///< first output channel
  std::size_t columns;         ///< valid output channels
  const std::int64_t* pixels;  ///< where the rows lie, in steps; nullptr: one step apart
  std::byte* output;           ///< first row (with pixels: step 0), first channel
  std::int64_t output_step;    ///< bytes from row to row
  const std::byte* residual;
  std::int64_t residual_step;
};

template <class Product, std::size_t Rows, std::size_t Columns>
using TileSums = typename Product::Sum[Rows][Columns];

/// Whether a tap lies outside the image for all rows of a tile, as it does at the upper and lower border, and adds nothing there.
template <class Product, std::size_t Rows>
[[gnu::always_inline]] inline bool adds_nothing(const TileCall<Product>& call,
                                                const typename Product::Input* const (&row)[Rows]) noexcept {
  if (call.padding == nullptr) return false;
  bool outside = true;
  for (std::size_t r = 0; r < Rows; ++r) outside = outside && row[r] == call.padding;
  return outside;
}

/// Adds all taps, activations in the order of memory.
template <class Product, std::size_t Rows, std::size_t Columns>
[[gnu::always_inline]] inline void add_taps(const TileCall<Product>& call,
                                            TileSums<Product, Rows, Columns>& acc) noexcept {
  using Arch = typename Product::Vectors;
  constexpr std::size_t stored = Product::stored;
  const std::byte* weights = call.panel;
  for (std::int64_t tap = 0; tap < call.tap_count; ++tap) {
    const typename Product::Input* row[Rows];
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      row[r] = call.taps[tap * call.row_stride + static_cast<std::int64_t>(r())];
    });
    if constexpr (Product::group > 1) {  // floats: +0 added to -0 is not the -0 that would stay
      if (adds_nothing<Product, Rows>(call, row)) {
        weights += call.groups_per_tap * static_cast<std::int64_t>(Columns * stored);
        continue;
      }
    }
    for (std::int64_t g = 0; g < call.groups_per_tap; ++g) {
      typename Product::Weight w[Columns];
      unroll<Columns>([&](auto v)
                          __attribute__((always_inline)) { w[v] = Product::weight(weights + v * stored); });
      prefetch_far(weights + call.ahead);
      weights += Columns * stored;
      unroll<Rows>([&](auto r) __attribute__((always_inline)) {
        const typename Product::Activation a = Product::activation(row[r] + g * Product::group);
        unroll<Columns>([&](auto v) __attribute__((always_inline)) {
          acc[r][v] = Product::accumulate(acc[r][v], a, w[v]);
          Simd<Arch>::pin(acc[r][v].v);
        });
      });
    }
  }
}

/// Adds the steps [begin, end) of a panel's list. The order of a reordered step comes from its entry.
template <bool Reordered, class Product, std::size_t Rows, std::size_t Columns>
[[gnu::always_inline]] inline void add_steps(const TileCall<Product>& call, std::int64_t begin,
                                             std::int64_t end,
                                             TileSums<Product, Rows, Columns>& acc) noexcept {
  using Arch = typename Product::Vectors;
  using Activation = typename Product::Activation;
  constexpr std::size_t stored = Product::stored;
  const std::byte* weights = call.panel + begin * static_cast<std::int64_t>(Columns * stored);
  for (const ListedStep *step = call.steps + begin, *last = call.steps + end; step != last; ++step) {
    const auto* const row = reinterpret_cast<const typename Product::Input* const*>(
        reinterpret_cast<const std::byte*>(call.taps) + step->tap);
    const std::int64_t at = step->at;
    Activation order;
    if constexpr (Reordered) order = Simd<Arch>::broadcast(static_cast<std::int32_t>(step->order));
    prefetch_far(weights + call.ahead);
    unroll<Rows>([&](auto r) __attribute__((always_inline)) {
      Activation a;
      if constexpr (Reordered)
        a = Product::picked(row[r] + at, order);
      else
        a = Product::activation(row[r] + at);
      unroll<Columns>([&](auto v) __attribute__((always_inline)) {
        acc[r][v] = Product::accumulate(acc[r][v], a, Product::weight(weights + v * stored));
        Simd<Arch>::pin(acc[r][v].v);
      });
    });
    weights += Columns * stored;
  }
}

template <class Product, std::size_t Rows, std::size_t Columns>
void run_tile(const TileCall<Product>& call) noexcept {
  using Arch = typename Product::Vectors;
  using Sum = typename Product::Sum;
  const EpilogueTile<Arch, Rows, Columns> tile{*call.epilogue, call.channel, call.columns};
  TileSums<Product, Rows, Columns> acc;
  unroll<Columns>([&](auto v) __attribute__((always_inline)) {
    Sum start;
    if constexpr (Product::group == 1) {
      start = tile.parameter(call.epilogue->bias, v);
    } else {
      start = tile.offset(v);
    }
    unroll<Rows>([&](auto r) __attribute__((always_inline)) { acc[r][v] = start; });
  });

  TileRow rows[Rows];
  unroll<Rows>([&](auto r) __attribute__((always_inline)) {
    const std::int64_t at = call.pixels == nullptr ? static_cast<std::int64_t>(r()) : call.pixels[r];
    rows[r] = {call.output + at * call.output_step, call.residual + at * call.residual_step};
  });
  tile.fetch_early(rows);

  if constexpr (Product::lists_steps) {
    add_steps<false, Product, Rows, Columns>(call, 0, call.in_place, acc);
    add_steps<true, Product, Rows, Columns>(call, call.capacity - call.reordered, call.capacity, acc);
  } else {
    add_taps<Product, Rows, Columns>(call, acc);
  }

  if constexpr (Product::group == 1) {
    tile.finish(acc, rows);
  } else {
    Floats<Arch> y[Rows][Columns];
    tile.scale(acc, y);
    tile.finish(y, rows);
  }
}

}  // namespace
}  // namespace refcalib::engine::kernels
