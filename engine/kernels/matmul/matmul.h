#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// Product of two matrices that are both computed at run time, for a batch of them, f32:
///
///   C[b][m][n] = sum over k of A[b][m][k] * B[b][k][n]
///
/// Per output one chain of std::fma over k that starts from 0. Where K exceeds `block_k`, every further block of
/// block_k products is a chain of its own that is then added: y = chain + y.
/// An element of A lies at m * a_row + k * a_column, of B at k * b_row + n * b_column, of C at m * c_row + n (strides
/// in elements): a transposed operand is one with exchanged strides. The operands of product `b` begin at
/// a + a_offset[b] and so on, so that batches may broadcast. A may be read 64 bytes behind its last element.
struct MatMulArgs {
  static constexpr std::int64_t block_k = 1024;
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
  std::int64_t a_row = 0, a_column = 1, b_row = 0, b_column = 1, c_row = 0;
  const std::int64_t* a_offset = nullptr;  ///< [batch]
  const std::int64_t* b_offset = nullptr;
  const std::int64_t* c_offset = nullptr;
  void* scratch = nullptr;  ///< scratch_bytes for this member of the team, 64-byte aligned
};

/// One instruction set's product. run() does the units [begin, end) of work_items(); a unit is a block of rows of one
/// panel of columns. B is packed panel by panel into the scratch.
struct MatMulKernel {
  const char* name;
  Isa isa;
  std::size_t (*scratch_bytes)(const MatMulArgs&) noexcept;
  std::int64_t (*work_items)(const MatMulArgs&) noexcept;
  void (*run)(const MatMulArgs&, std::int64_t begin, std::int64_t end) noexcept;
};

/// The table, best first; choose with select(table, isa) of engine/kernels/table.h.
std::span<const MatMulKernel> matmul_kernels() noexcept;

}  // namespace refcalib::engine::kernels
