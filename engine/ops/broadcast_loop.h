#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "engine/core/error.h"
#include "engine/ops/element_block.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {

/// An index space of up to 8 axes over N operands, cut into pieces of the innermost axis. A stride of 0
/// broadcasts an operand along an axis.
template <std::size_t N>
struct BroadcastLoop {
  static constexpr std::size_t kMaxRank = 8;
  std::size_t rank = 0;
  std::int64_t dims[kMaxRank] = {};
  std::int64_t strides[N][kMaxRank] = {};

  struct Piece {
    std::int64_t offset[N];  ///< of the first element, in elements
    std::int64_t stride[N];
    std::int64_t count;
  };

  std::int64_t pieces_per_row() const noexcept {
    return ((rank == 0 ? 1 : dims[rank - 1]) + kElementBlock - 1) / kElementBlock;
  }
  /// Number of pieces.
  std::int64_t units() const noexcept {
    std::int64_t rows = 1;
    for (std::size_t d = 0; d + 1 < rank; ++d) rows *= dims[d];
    return rows * pieces_per_row();
  }
  Piece piece(std::int64_t unit) const noexcept {
    const std::int64_t inner = rank == 0 ? 1 : dims[rank - 1], pieces = pieces_per_row();
    const std::int64_t first = unit % pieces * kElementBlock;
    Piece p{{}, {}, inner - first < kElementBlock ? inner - first : kElementBlock};
    for (std::size_t i = 0; i < N; ++i) {
      p.stride[i] = rank == 0 ? 1 : strides[i][rank - 1];
      p.offset[i] = first * p.stride[i];
    }
    std::int64_t rest = unit / pieces;
    for (std::size_t d = rank; d-- > 1;) {
      const std::int64_t at = rest % dims[d - 1];
      rest /= dims[d - 1];
      for (std::size_t i = 0; i < N; ++i) p.offset[i] += at * strides[i][d - 1];
    }
    return p;
  }

  /// Adds an axis behind the others, merged with the last one where all operands allow it.
  void append(std::int64_t extent, const std::array<std::int64_t, N>& stride) {
    if (extent == 1) return;
    bool mergeable = rank > 0;
    for (std::size_t i = 0; mergeable && i < N; ++i) mergeable = strides[i][rank - 1] == stride[i] * extent;
    if (!mergeable && rank == kMaxRank)
      throw UnsupportedError("tensors of more than 8 dimensions are not supported");
    const std::size_t at = mergeable ? rank - 1 : rank++;
    dims[at] = mergeable ? dims[at] * extent : extent;
    for (std::size_t i = 0; i < N; ++i) strides[i][at] = stride[i];
  }
};

/// The loop over the elements of `operands[0]`, the result, to whose shape the others broadcast.
template <std::size_t N>
BroadcastLoop<N> broadcast_loop(const std::array<const TensorRef*, N>& operands) {
  const TensorRef& out = *operands.front();
  std::array<std::vector<std::int64_t>, N> strides;
  for (std::size_t i = 0; i < N; ++i) strides[i] = broadcast_strides(*operands[i], out.shape);
  BroadcastLoop<N> loop;
  for (const std::size_t d : memory_order(out)) {
    std::array<std::int64_t, N> stride;
    for (std::size_t i = 0; i < N; ++i) stride[i] = strides[i][d];
    loop.append(out.shape[d], stride);
  }
  return loop;
}

}  // namespace refcalib::engine
