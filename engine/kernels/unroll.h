#pragma once

#include <cstddef>
#include <utility>

namespace refcalib::engine::kernels {

/// Calls f(integral_constant 0) … f(integral_constant N-1), written out: arrays of vectors that are indexed
/// by the argument become registers even before the compiler's loop passes run. (A loop with an unrolling
/// pragma leaves them in memory where GCC 12 finds the body too large.) Pass lambdas with
/// __attribute__((always_inline)).
template <std::size_t N, class F>
[[gnu::always_inline]] inline void unroll(const F& f) {
  [&]<std::size_t... i>(std::index_sequence<i...>) __attribute__((always_inline)) {
    (f(std::integral_constant<std::size_t, i>{}), ...);
  }
  (std::make_index_sequence<N>{});
}

}  // namespace refcalib::engine::kernels
