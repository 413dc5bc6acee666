#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/matmul/matmul.h"

/// Normative: every kernel of matmul.h gives these results bit for bit.
namespace refcalib::engine::kernels::reference {

inline void matmul(const MatMulArgs& p) {
  for (std::int64_t i = 0; i < p.batch; ++i)
    for (std::int64_t m = 0; m < p.m; ++m)
      for (std::int64_t n = 0; n < p.n; ++n) {
        float y = 0;
        for (std::int64_t first = 0; first < p.k; first += MatMulArgs::block_k) {
          float chain = 0;
          for (std::int64_t k = first; k < p.k && k < first + MatMulArgs::block_k; ++k)
            chain = std::fma(p.a[p.a_offset[i] + m * p.a_row + k * p.a_column],
                             p.b[p.b_offset[i] + k * p.b_row + n * p.b_column], chain);
          y = first == 0 ? chain : chain + y;
        }
        p.c[p.c_offset[i] + m * p.c_row + n] = y;
      }
}

}  // namespace refcalib::engine::kernels::reference
