#pragma once

#include <cstddef>

#include "engine/kernels/batch.h"
#include "engine/kernels/unroll.h"

/// The one-dimensional transformations of F(2, 3) and F(4, 3); applied to rows and columns they are those of a tile. The matrices
/// are Lavin's, with the points 0, 1, -1 (2, -2) and infinity. Included by instruction-set files only.
namespace refcalib::engine::kernels {
namespace {

template <std::size_t M>
struct WinogradTransform;

template <>
struct WinogradTransform<2> {
  static constexpr std::size_t places = 4, outputs = 2;
  /// B'
  template <class F>
  [[gnu::always_inline]] static void input(const F (&d)[4], F (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[1] - d[3];
  }
  /// A'
  template <class F>
  [[gnu::always_inline]] static void output(const F (&m)[4], F (&y)[2]) {
    y[0] = m[0] + m[1] + m[2];
    y[1] = m[1] - m[2] - m[3];
  }
  /// G
  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[3], T (&u)[4]) {
    u[0] = w[0];
    u[1] = (w[0] + w[1] + w[2]) * 0.5;
    u[2] = (w[0] - w[1] + w[2]) * 0.5;
    u[3] = w[2];
  }
};

template <>
struct WinogradTransform<4> {
  static constexpr std::size_t places = 6, outputs = 4;
  template <class F>
  [[gnu::always_inline]] static void input(const F (&d)[6], F (&v)[6]) {
    const F two = F::broadcast(2), four = F::broadcast(4), minus_four = F::broadcast(-4),
            minus_five = F::broadcast(-5);
    const F even = fma(minus_four, d[2], d[4]), odd = fma(minus_four, d[1], d[3]);
    const F outer = d[4] - d[2], inner = d[3] - d[1];
    v[0] = fma(four, d[0], fma(minus_five, d[2], d[4]));
    v[1] = even + odd;
    v[2] = even - odd;
    v[3] = fma(two, inner, outer);
    v[4] = outer - two * inner;
    v[5] = fma(four, d[1], fma(minus_five, d[3], d[5]));
  }
  template <class F>
  [[gnu::always_inline]] static void output(const F (&m)[6], F (&y)[4]) {
    const F sum = m[1] + m[2], difference = m[1] - m[2];
    const F far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    y[0] = m[0] + sum + far_sum;
    y[1] = fma(F::broadcast(2), far_difference, difference);
    y[2] = fma(F::broadcast(4), far_sum, sum);
    y[3] = fma(F::broadcast(8), far_difference, difference) + m[5];
  }
  template <class T>
  [[gnu::always_inline]] static void weights(const T (&w)[3], T (&u)[6]) {
    u[0] = w[0] / 4;
    u[1] = -(w[0] + w[1] + w[2]) / 6;
    u[2] = -(w[0] - w[1] + w[2]) / 6;
    u[3] = (w[0] + 2 * w[1] + 4 * w[2]) / 24;
    u[4] = (w[0] - 2 * w[1] + 4 * w[2]) / 24;
    u[5] = w[2];
  }
};

/// B' x B of `places` x `places` vectors V: reads x(row, column), writes through put(frequency, vector).
template <class T, class V, class Read, class Put>
[[gnu::always_inline]] inline void transform_input(const Read& read, const Put& put) {
  constexpr std::size_t n = T::places;
  V columns[n][n];  // [column][row]
  unroll<n>([&](auto x) __attribute__((always_inline)) {
    V d[n];
    unroll<n>([&](auto y) __attribute__((always_inline)) { d[y] = read(y, x); });
    T::input(d, columns[x]);
  });
  unroll<n>([&](auto y) __attribute__((always_inline)) {
    V d[n], v[n];
    unroll<n>([&](auto x) __attribute__((always_inline)) { d[x] = columns[x][y]; });
    T::input(d, v);
    unroll<n>([&](auto x) __attribute__((always_inline)) { put(y * n + x, v[x]); });
  });
}

/// A' m A: reads m(frequency), calls row(y, values of the outputs).
template <class T, class V, class Read, class Row>
[[gnu::always_inline]] inline void transform_output(const Read& read, const Row& row) {
  constexpr std::size_t n = T::places, outputs = T::outputs;
  V columns[n][outputs];  // [column][output row]
  unroll<n>([&](auto x) __attribute__((always_inline)) {
    V m[n];
    unroll<n>([&](auto y) __attribute__((always_inline)) { m[y] = read(y * n + x); });
    T::output(m, columns[x]);
  });
  unroll<outputs>([&](auto y) __attribute__((always_inline)) {
    V m[n], out[outputs];
    unroll<n>([&](auto x) __attribute__((always_inline)) { m[x] = columns[x][y]; });
    T::output(m, out);
    row(y, out);
  });
}

/// Eight doubles, for which the compiler finds the instructions of each instruction set.
using EightDoubles = double __attribute__((vector_size(64)));
using EightFloats = float __attribute__((vector_size(32)));

/// G w G' of eight kernels at once. w: 3x3, row by row; u: places x places.
template <class T, class Eight>
[[gnu::always_inline]] inline void transform_weights(const Eight (&w)[9], Eight (&u)[T::places * T::places]) {
  constexpr std::size_t n = T::places;
  Eight rows[3][n];
  for (std::size_t y = 0; y < 3; ++y) {
    const Eight in[3] = {w[3 * y], w[3 * y + 1], w[3 * y + 2]};
    T::weights(in, rows[y]);
  }
  for (std::size_t x = 0; x < n; ++x) {
    const Eight in[3] = {rows[0][x], rows[1][x], rows[2][x]};
    Eight out[n];
    T::weights(in, out);
    for (std::size_t y = 0; y < n; ++y) u[y * n + x] = out[y];
  }
}

}  // namespace
}  // namespace refcalib::engine::kernels
