#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Normalization of vectors along the middle axis of [outer][n][inner], f32:
///
///   mean_variance:  m = (sum x) / n;  d = x - m;  v = (sum d * d) / n
///                   y = d * (1 / sqrt(v + eps))      eps_outside: y = d * (1 / (sqrt(v) + eps))
///   mean:           y = x - m
///   l2:             s = sum x * x;  y = x * (1 / sqrt(s + eps))     eps_maximum: y = x * (1 / sqrt(max(s, eps)))
///
/// Every step is rounded on its own; sums run over 16 virtual lanes as in reduce.h. `output` may be `input` if the
/// strides are the same.
enum class NormalizeOp : std::uint8_t {
  mean_variance,
  mean_variance_eps_outside,
  mean,
  l2,
  l2_eps_maximum,
};
inline constexpr int normalize_op_count = 5;

struct NormalizeArgs {
  const float* input = nullptr;
  float* output = nullptr;
  std::int64_t outer = 1, n = 1, inner = 1;         ///< inner elements are contiguous
  std::int64_t in_outer_stride = 0, in_stride = 0;  ///< from outer to outer, from k to k + 1, in elements
  std::int64_t out_outer_stride = 0, out_stride = 0;
  float eps = 0;
};

/// Number of independent units of work: vectors, or blocks of up to 64 neighbouring vectors where inner > 1.
std::int64_t work_items(const NormalizeArgs& args) noexcept;

/// One instruction set's normalizations. Each runs the units [begin, end) of work_items().
struct NormalizeKernels {
  using Run = void (*)(const NormalizeArgs&, std::int64_t begin, std::int64_t end) noexcept;
  const char* name;
  Isa isa;
  Run normalize[normalize_op_count];  ///< indexed by NormalizeOp

  Run of(NormalizeOp op) const noexcept { return normalize[static_cast<int>(op)]; }
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const NormalizeKernels> normalize_kernels() noexcept;

}  // namespace refcalib::engine::kernels
