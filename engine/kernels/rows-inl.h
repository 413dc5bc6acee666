#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/kernels/batch.h"

/// Loops over rows of channels that the element-wise primitives share. Included by instruction-set files
/// only; everything is templated on the Arch tag.
namespace refcalib::engine::kernels {

/// Calls body(offset, Full) for whole vectors of `Lanes` elements and body(offset, First{n}) for the rest of
/// [0, count).
template <class Arch, int Lanes, class Body>
REFCALIB_INLINE void for_vectors(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + Lanes <= count; i += Lanes) {
    body(i, Full<Arch>{});
  }
  if (i < count) {
    body(i, First<Arch>{static_cast<int>(count - i)});
  }
}

/// Two-sided view of rows with contiguous channels.
template <class Arch>
struct RowView {
  std::int64_t channels, in_stride, out_stride;
};

/// Calls piece(input offset, output offset, width, arrays) so that the pieces cover the rows [begin, end);
/// `arrays` are the N per-channel arrays that go with the piece. Where rows are dense and too short for
/// vectors, several rows become one piece and the arrays are repeated to its width, so that a picture of
/// three channels costs no more than one of sixty-four.
template <class Arch, std::size_t N, class Piece>
REFCALIB_INLINE void for_row_pieces(const RowView<Arch>& view, const float* const (&arrays)[N],
                                    std::int64_t begin, std::int64_t end, const Piece& piece) {
  constexpr std::int64_t widest = 1024;
  constexpr std::int64_t short_row = 64;
  const bool dense = view.in_stride == view.channels && view.out_stride == view.channels;
  const bool ragged = view.channels % Floats<Arch>::size != 0;
  if (!dense || !ragged || view.channels >= short_row || end - begin < 2) {
    for (std::int64_t r = begin; r < end; ++r) {
      piece(r * view.in_stride, r * view.out_stride, view.channels, arrays);
    }
    return;
  }
  float repeated[N][widest];
  const float* pointers[N];
  const std::int64_t widest_group = widest / view.channels;
  const std::int64_t group = widest_group < end - begin ? widest_group : end - begin;
  for (std::size_t k = 0; k < N; ++k) {
    pointers[k] = repeated[k];
    for (std::int64_t i = 0; i < group * view.channels; ++i) {
      repeated[k][i] = arrays[k] == nullptr ? 0.0F : arrays[k][i % view.channels];
    }
  }
  for (std::int64_t r = begin; r < end; r += group) {
    const std::int64_t rows = group < end - r ? group : end - r;
    piece(r * view.channels, r * view.channels, rows * view.channels, pointers);
  }
}

}  // namespace refcalib::engine::kernels
