#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// What is done with each element, how lanes combine it, and what is done with the total.
enum class ReduceOp : std::uint8_t {
  sum,         ///< sum x
  mean,        ///< (sum x) / float(n)
  max,         ///< a > b ? a : b from -infinity, so NaN is skipped
  min,         ///< a < b ? a : b from +infinity
  prod,        ///< product from 1
  l1,          ///< sum |x|
  l2,          ///< sqrt(sum x * x)
  sum_square,  ///< sum x * x
  log_sum,     ///< log(sum x)
};
inline constexpr int reduce_op_count = 9;

/// Reduction of the middle axis of [outer][n][inner], f32, to output[outer][inner] (dense).
/// The reduction runs over 16 virtual lanes: lane l takes the elements k = l, l + 16, l + 32, ... in this
/// order as lane[l] = element op lane[l], starting from the operation's neutral value, and the lanes are
/// combined as lane[l] = lane[l] op lane[l + w] for w = 8, 4, 2, 1. Every step is rounded on its own.
struct ReduceArgs {
  const float* input = nullptr;
  float* output = nullptr;
  std::int64_t outer = 1, n = 1, inner = 1;         ///< inner elements are contiguous
  std::int64_t in_outer_stride = 0, in_stride = 0;  ///< from outer to outer, from k to k + 1, in elements
};

/// Number of independent units of work: outputs, or blocks of up to 64 neighbouring outputs where inner > 1.
std::int64_t work_items(const ReduceArgs& args) noexcept;

/// One instruction set's reductions. Each runs the units [begin, end) of work_items().
struct ReduceKernels {
  using Run = void (*)(const ReduceArgs&, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run reduce[reduce_op_count];  ///< indexed by ReduceOp

  Run of(ReduceOp op) const noexcept { return reduce[static_cast<int>(op)]; }
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const ReduceKernels> reduce_kernels() noexcept;

}  // namespace refcalib::engine::kernels
