#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace refcalib::engine::kernels {

/// One axis of an output: where the elements with each index come from.
struct AxisTable {
  static constexpr std::int64_t fill = -1;
  std::vector<std::int64_t> source;  ///< per index: elements to add to the input position (>= 0), or `fill`
  std::int64_t out_stride = 0;       ///< elements of the output from one index to the next
};

/// A copy whose source position is a sum of one table per output axis:
///
///   output[ sum_d i_d * out_stride[d] ] = input[ sum_d source_d[i_d] ],   or the fill value where a table says `fill`
///
/// Padding, tiling, nearest-neighbour resizing, depth-to-space, rolling and channel shuffling are of this form, in every
/// memory order. Nothing is computed, so the same code serves every instruction set. The innermost axes become one
/// row, which is kept as runs of contiguous elements or, where runs are short, as a table of positions.
class AxisCopy {
 public:
  static constexpr std::size_t max_rank = 12;

  /// At most max_rank `axes`, from the slowest to the fastest of the output's memory; `element_bytes` 1, 2, 4 or 8; the first
  /// `element_bytes` bytes of `fill` are the fill value. Allocates about 16 bytes per index of an axis.
  AxisCopy(std::vector<AxisTable> axes, int element_bytes, const std::array<std::byte, 8>& fill);

  /// Rows of the output: the independent units of work.
  std::int64_t work_items() const noexcept { return rows_; }
  std::int64_t row_bytes() const noexcept { return row_extent_ * element_bytes_; }
  /// Copies the rows [begin, end). Input and output may not overlap.
  void run(const void* input, void* output, std::int64_t begin, std::int64_t end) const noexcept;

 private:
  /// Contiguous elements of a row; from < 0: fill.
  struct Run {
    std::int64_t to, from, count;
  };
  struct Position {
    std::int64_t input = 0, output = 0;
    bool fill = false;
  };

  void merge_row(std::vector<AxisTable>& axes);
  void make_runs();
  Position position(const std::int64_t* index) const noexcept;
  void copy_row(const std::byte* in, std::byte* out) const noexcept;
  void fill_row(std::byte* out) const noexcept;
  void fill_elements(std::byte* out, std::int64_t count) const noexcept;
  template <std::size_t Bytes>
  void gather_row(const std::byte* in, std::byte* out) const noexcept;

  std::vector<AxisTable> outer_;
  AxisTable row_;
  std::vector<Run> runs_;  ///< empty: the row is gathered element by element
  std::int64_t rows_ = 1, row_extent_ = 1;
  int element_bytes_ = 4;
  std::array<std::byte, 8> fill_{};
  bool uniform_ = true;  ///< all bytes of the fill value are the same
};

}  // namespace refcalib::engine::kernels
