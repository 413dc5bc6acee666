#pragma once

#include <utility>

namespace refcalib::engine::kernels {

/// Calls f(integral_constant 0) … f(integral_constant N-1), written out: arrays of vectors that are indexed
/// by the argument become registers even before the compiler's loop passes run. (A loop with an unrolling
/// pragma leaves them in memory where GCC 12 finds the body too large.) Pass lambdas with
/// __attribute__((always_inline)).
template <int N, class F>
[[gnu::always_inline]] inline void unroll(const F& f) {
  [&]<int... i>(std::integer_sequence<int, i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, i>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

}  // namespace refcalib::engine::kernels
