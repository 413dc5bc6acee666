#pragma once

#include <cmath>
#include <cstdint>

#include "engine/kernels/normalize/normalize.h"
#include "engine/kernels/reduce/reference.h"

/// Normative: every kernel of normalize.h gives these results bit for bit.
namespace refcalib::engine::kernels::reference {

inline void normalize(NormalizeOp op, const float* x, std::int64_t stride, float* y, std::int64_t out_stride,
                      std::int64_t n, float eps) {
  const bool centred = op != NormalizeOp::l2 && op != NormalizeOp::l2_eps_maximum;
  const float count = static_cast<float>(n);
  const float mean = centred ? reduce_lanes(
                                   n, 0, [=](std::int64_t k) { return x[k * stride]; }, sum) /
                                   count
                             : 0;
  for (std::int64_t k = 0; k < n; ++k) y[k * out_stride] = centred ? x[k * stride] - mean : x[k * stride];
  if (op == NormalizeOp::mean) return;
  const float squares = reduce_lanes(
      n, 0, [=](std::int64_t k) { return y[k * out_stride] * y[k * out_stride]; }, sum);
  float divisor = 0;
  if (op == NormalizeOp::mean_variance) divisor = std::sqrt(squares / count + eps);
  if (op == NormalizeOp::mean_variance_eps_outside) divisor = std::sqrt(squares / count) + eps;
  if (op == NormalizeOp::l2) divisor = std::sqrt(squares + eps);
  if (op == NormalizeOp::l2_eps_maximum) divisor = std::sqrt(max(squares, eps));
  const float factor = 1.0F / divisor;
  for (std::int64_t k = 0; k < n; ++k) y[k * out_stride] *= factor;
}

inline void normalize(NormalizeOp op, const NormalizeArgs& a) {
  for (std::int64_t o = 0; o < a.outer; ++o)
    for (std::int64_t i = 0; i < a.inner; ++i)
      normalize(op, a.input + o * a.in_outer_stride + i, a.in_stride, a.output + o * a.out_outer_stride + i,
                a.out_stride, a.n, a.eps);
}

}  // namespace refcalib::engine::kernels::reference
