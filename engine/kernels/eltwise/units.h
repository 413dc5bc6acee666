#pragma once

#include <cstdint>

#include "engine/kernels/eltwise/eltwise.h"

/// How element-wise work is cut. Compiled once for the baseline instruction set, so that kernel files leave
/// no copy of their own.
namespace refcalib::engine::kernels {

/// Elements of one unit of work at most: 4 KB of f32, so that three operands lie in the L1 cache.
inline constexpr std::int64_t row_piece = 1024;

/// Part of a row.
struct RowPiece {
  std::int64_t row, first, count;
};
RowPiece unary_piece(const UnaryArgs& args, std::int64_t unit) noexcept;

/// Part of the innermost axis: where it begins in each operand (in elements), and the strides there.
struct BinaryPiece {
  std::int64_t a, b, out;
  std::int64_t count;
  std::int64_t a_stride, b_stride, out_stride;
};
BinaryPiece binary_piece(const BinaryArgs& args, std::int64_t unit) noexcept;

/// out[i] = powf(a[i], b[i]); the C library's function, called from the baseline's code on every instruction
/// set.
void power_block(const float* a, const float* b, float* out, std::int64_t count) noexcept;

}  // namespace refcalib::engine::kernels
