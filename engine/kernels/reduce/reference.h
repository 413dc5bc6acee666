#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/kernels/reduce/reduce.h"
#include "engine/kernels/reference_math.h"

/// Normative: every kernel of reduce.h gives these results bit for bit, log_sum up to the logarithm's error.
namespace refcalib::engine::kernels::reference {

/// element(k) for 0 <= k < n over 16 lanes and the fixed tree; combine(a, b).
template <class Element, class Combine>
float reduce_lanes(std::int64_t n, float neutral, Element element, Combine combine) {
  constexpr std::int64_t lanes = 16;
  float lane[lanes];
  for (std::int64_t l = 0; l < lanes; ++l) {
    lane[l] = neutral;
    for (std::int64_t k = l; k < n; k += lanes) {
      lane[l] = combine(element(k), lane[l]);
    }
  }
  for (std::int64_t w = lanes / 2; w >= 1; w /= 2) {
    for (std::int64_t l = 0; l < w; ++l) {
      lane[l] = combine(lane[l], lane[l + w]);
    }
  }
  return lane[0];
}

inline float sum(float a, float b) noexcept {
  return a + b;
}

inline float reduce(ReduceOp op, const float* x, std::int64_t n, std::int64_t stride) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const auto value = [=](std::int64_t k) { return x[k * stride]; };
  const auto square = [=](std::int64_t k) { return x[k * stride] * x[k * stride]; };
  switch (op) {
    case ReduceOp::sum:
      return reduce_lanes(n, 0, value, sum);
    case ReduceOp::mean:
      return reduce_lanes(n, 0, value, sum) / static_cast<float>(n);
    case ReduceOp::max:
      return reduce_lanes(n, -inf, value, max);
    case ReduceOp::min:
      return reduce_lanes(n, inf, value, min);
    case ReduceOp::prod:
      return reduce_lanes(n, 1, value, [](float a, float b) { return a * b; });
    case ReduceOp::l1:
      return reduce_lanes(
          n, 0, [=](std::int64_t k) { return std::fabs(x[k * stride]); }, sum);
    case ReduceOp::l2:
      return std::sqrt(reduce_lanes(n, 0, square, sum));
    case ReduceOp::sum_square:
      return reduce_lanes(n, 0, square, sum);
    case ReduceOp::log_sum:
      break;
  }
  return std::log(reduce_lanes(n, 0, value, sum));
}

inline void reduce(ReduceOp op, const ReduceArgs& a) {
  for (std::int64_t o = 0; o < a.outer; ++o) {
    for (std::int64_t i = 0; i < a.inner; ++i) {
      a.output[o * a.inner + i] = reduce(op, a.input + o * a.in_outer_stride + i, a.n, a.in_stride);
    }
  }
}

}  // namespace refcalib::engine::kernels::reference
