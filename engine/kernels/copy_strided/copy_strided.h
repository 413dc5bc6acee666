#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace refcalib::engine::kernels {

/// A copy between two strided views of the same shape:
///
///   output[ sum_d i_d * out_stride[d] ] = input[ sum_d i_d * in_stride[d] ]     for all 0 <= i_d < dims[d]
///
/// It is what Permute, Slice, Concat, Split, Tile, Pad and Broadcast come down to: a permutation exchanges
/// strides, a slice moves the pointer and scales a stride (negative for a reversed axis), a tile has
/// in_stride 0, a part of a concatenation has the strides of the whole. Strides count elements. No two
/// indices may address one output element, and input and output may not overlap.
struct StridedCopy {
  static constexpr int max_rank = 8;
  const void* input = nullptr;
  void* output = nullptr;
  int element_bytes = 4;  ///< 1, 2, 4 or 8
  int rank = 0;           ///< 0..max_rank; 0 copies one element
  std::array<std::int64_t, max_rank> dims{};
  std::array<std::int64_t, max_rank> in_stride{};
  std::array<std::int64_t, max_rank> out_stride{};
};

/// The same copy with axes of extent 1 left out, neighbours merged where both sides allow it, and the axes in
/// the order that copies fastest. The result has at least two axes. Done once when planning; pointers may be
/// set afterwards, as none depends on them. Copies of any form may be run, normalized ones run faster.
StridedCopy normalized(const StridedCopy& copy) noexcept;

/// Number of independent units of work (tiles of the two innermost axes); 0 if any extent is 0.
std::int64_t work_items(const StridedCopy& copy) noexcept;

/// Copies the units [begin, end). The same code serves every instruction set: nothing is computed.
void run(const StridedCopy& copy, std::int64_t begin, std::int64_t end) noexcept;

}  // namespace refcalib::engine::kernels
