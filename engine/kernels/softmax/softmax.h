#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Softmax along the middle axis of [outer][n][inner], f32:
///
///   m = max over n;   e_k = exp(x_k - m);   s = sum over n of e_k
///   softmax:      y_k = e_k / s
///   log_softmax:  y_k = (x_k - m) - log(s)
///
/// Maximum and sum run over 16 virtual lanes: lane l takes the elements k = l, l + 16, l + 32, ... in this
/// order, starting from -infinity or 0, and the lanes are combined as lane[l] = lane[l] op lane[l + w] for w
/// = 8, 4, 2, 1. The maximum skips NaN; a NaN or an infinity in the input makes the whole vector NaN through
/// the sum where IEEE arithmetic says so. exp and log are those of engine/kernels/vector_math-inl.h. `output`
/// may be `input` if the strides are the same.
struct SoftmaxArgs {
  const float* input = nullptr;
  float* output = nullptr;
  std::int64_t outer = 1, n = 1, inner = 1;         ///< inner elements are contiguous
  std::int64_t in_outer_stride = 0, in_stride = 0;  ///< from outer to outer, from k to k + 1, in elements
  std::int64_t out_outer_stride = 0, out_stride = 0;
};

/// Number of independent units of work: vectors, or blocks of up to 64 neighbouring vectors where inner > 1.
std::int64_t work_items(const SoftmaxArgs& args) noexcept;

/// One instruction set's softmax. Each runs the units [begin, end) of work_items().
struct SoftmaxKernels {
  using Run = void (*)(const SoftmaxArgs&, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run softmax;
  Run log_softmax;
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const SoftmaxKernels> softmax_kernels() noexcept;

}  // namespace refcalib::engine::kernels
