#pragma once

#include "engine/kernels/batch.h"
#include "engine/kernels/rows-inl.h"

/// Reductions over 16 virtual lanes combined in a fixed tree, so that every vector length gives the same
/// bits: lane l takes the elements l, l + 16, ..., then lane[l] = lane[l] op lane[l + w] for w = 8, 4, 2, 1.
/// Included by instruction-set files only; everything is templated on the Arch tag.
///
/// An `Op` has   neutral: what the lanes start from          padding: an input that leaves a lane as it is
///               element(x): what is done to an input        combine(a, b): the operation
namespace refcalib::engine::kernels {

inline constexpr int virtual_lanes = 16;

/// Lane 0 after the tree; `lanes` are the 16 lanes in order.
template <class Arch, class Op>
REFCALIB_INLINE Floats<Arch> combine_lanes(Floats<Arch> (&lanes)[virtual_lanes / lane_count<Arch>]) {
  constexpr int size = Floats<Arch>::size;
  for (int w = virtual_lanes / 2; w >= size; w /= 2) {
    for (int j = 0; j < w / size; ++j) {
      lanes[j] = Op::combine(lanes[j], lanes[j + w / size]);
    }
  }
  // The rest of the tree lies within one vector: shifted loads bring lane l + w to lane l. Only the first w
  // lanes of each step mean something.
  Floats<Arch> total = lanes[0];
  float shifted[2 * lane_count<Arch>] = {};
  for (int w = size / 2; w >= 1; w /= 2) {
    store(shifted, total, Full<Arch>{});
    total = Op::combine(total, load(shifted + w, Full<Arch>{}));
  }
  return total;
}

/// Reduces n contiguous elements; the result is in lane 0.
template <class Arch, class Op>
REFCALIB_INLINE Floats<Arch> reduce_row(const float* p, std::int64_t n) {
  constexpr int size = Floats<Arch>::size;
  constexpr int vectors = virtual_lanes / size;
  Floats<Arch> lanes[virtual_lanes / lane_count<Arch>];
  for (int j = 0; j < vectors; ++j) {
    lanes[j] = Floats<Arch>::broadcast(Op::neutral);
  }
  const auto add = [&lanes](const float* elements) {
    for (int j = 0; j < vectors; ++j) {
      lanes[j] = Op::combine(Op::element(load(elements + j * size, Full<Arch>{})), lanes[j]);
    }
  };
  std::int64_t k = 0;
  for (; k + virtual_lanes <= n; k += virtual_lanes) {
    add(p + k);
  }
  if (k < n) {
    float tail[virtual_lanes];
    for (int l = 0; l < virtual_lanes; ++l) {
      tail[l] = k + l < n ? p[k + l] : Op::padding;
    }
    add(tail);
  }
  return combine_lanes<Arch, Op>(lanes);
}

/// Reduces n elements a stride apart, for V vectors of neighbouring columns at once: results[v] for the
/// columns from v * size on. The rows are read in order, so that memory streams; the lanes live on the stack.
template <class Arch, class Op, std::size_t V, class N>
REFCALIB_INLINE void reduce_columns(const float* p, std::int64_t n, std::int64_t stride, N columns,
                                    Floats<Arch> (&results)[V]) {
  constexpr int size = Floats<Arch>::size;
  Floats<Arch> lanes[virtual_lanes][V];
  for (auto& lane : lanes) {
    for (std::size_t v = 0; v < V; ++v) {
      lane[v] = Floats<Arch>::broadcast(Op::neutral);
    }
  }
  for (std::int64_t k = 0; k < n; ++k, p += stride) {
    auto& lane = lanes[k % virtual_lanes];
    for (std::size_t v = 0; v < V; ++v) {
      lane[v] = Op::combine(Op::element(load(p + static_cast<std::int64_t>(v) * size, columns)), lane[v]);
    }
  }
  for (int w = virtual_lanes / 2; w >= 1; w /= 2) {
    for (int l = 0; l < w; ++l) {
      for (std::size_t v = 0; v < V; ++v) {
        lanes[l][v] = Op::combine(lanes[l][v], lanes[l + w][v]);
      }
    }
  }
  for (std::size_t v = 0; v < V; ++v) {
    results[v] = lanes[0][v];
  }
}

/// Short rows are reduced as columns, many at a time: `rows` rows of n elements each are laid side by side,
/// block[k * columns_of_block + r] = rows[r * row_stride + k], and back. Columns beyond `rows` are left as
/// they are.
inline constexpr std::int64_t columns_of_block = 64;
inline constexpr std::int64_t longest_short_row = 32;

template <class Arch>
void rows_to_columns(const float* rows, std::int64_t row_stride, std::int64_t count, std::int64_t n,
                     float* block) {
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t k = 0; k < n; ++k) {
      block[k * columns_of_block + r] = rows[r * row_stride + k];
    }
  }
}

template <class Arch>
void columns_to_rows(const float* block, std::int64_t row_stride, std::int64_t count, std::int64_t n,
                     float* rows) {
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t k = 0; k < n; ++k) {
      rows[r * row_stride + k] = block[k * columns_of_block + r];
    }
  }
}

// ---- the operations that more than one primitive uses
// -----------------------------------------------------------------

template <class Arch>
struct SumOp {
  static constexpr float neutral = 0, padding = 0;
  static Floats<Arch> element(Floats<Arch> x) { return x; }
  static Floats<Arch> combine(Floats<Arch> a, Floats<Arch> b) { return a + b; }
};

template <class Arch>
struct MaxOp {
  static constexpr float neutral = -__builtin_inff(), padding = -__builtin_inff();
  static Floats<Arch> element(Floats<Arch> x) { return x; }
  static Floats<Arch> combine(Floats<Arch> a, Floats<Arch> b) { return max(a, b); }
};

}  // namespace refcalib::engine::kernels
