#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// The two steps of local response normalization, y = x * (bias + alpha * s)^-beta with s the sum of x^2 over a
/// window, on `count` neighbouring elements, f32:
///
///   square_sum:  s[i] = s[i] + x[i] * x[i]                             (two roundings)
///   scale:       t = bias + alpha * s[i];   y[i] = x[i] / t^beta       (two roundings of t)
///
/// where t^beta is t for beta = 1, sqrt(t) for 0.5, sqrt(t) * sqrt(sqrt(t)) for 0.75 (the one in use), else
/// exp(beta * log(t)) by the polynomials of vector_math-inl.h.
///
///   row:         both for windows of 2 * half + 1 neighbours, s summed in ascending order; x must be readable from x[-half] to
///                x[count + half - 1], zeros standing for what lies beyond the tensor
struct LrnKernels {
  const char* name;
  Isa isa;
  void (*square_sum)(const float* x, float* s, std::int64_t count) noexcept;
  void (*scale)(const float* x, const float* s, float* y, std::int64_t count, float alpha, float beta,
                float bias) noexcept;
  void (*row)(const float* x, std::int64_t half, float* y, std::int64_t count, float alpha, float beta,
              float bias) noexcept;
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const LrnKernels> lrn_kernels() noexcept;

}  // namespace refcalib::engine::kernels
