#include "engine/kernels/axis_copy/axis_copy.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace refcalib::engine::kernels {
namespace {

// Axes are merged into a row up to this length: long enough that a row costs more than finding it, short enough that its
// table stays in the first cache.
constexpr std::int64_t longest_merged_row = 2048;
// Below this mean length of runs, moving single elements is faster than calling memcpy.
constexpr std::int64_t shortest_run = 4;

AxisTable merged(const AxisTable& outer, const AxisTable& inner) {
  AxisTable result{{}, inner.out_stride};
  result.source.reserve(outer.source.size() * inner.source.size());
  for (const std::int64_t o : outer.source)
    for (const std::int64_t i : inner.source)
      result.source.push_back(o < 0 || i < 0 ? AxisTable::fill : o + i);
  return result;
}

std::int64_t extent(const AxisTable& axis) {
  return static_cast<std::int64_t>(axis.source.size());
}

}  // namespace

AxisCopy::AxisCopy(std::vector<AxisTable> axes, int element_bytes, const std::array<std::byte, 8>& fill)
    : element_bytes_(element_bytes), fill_(fill) {
  uniform_ =
      std::all_of(fill.begin(), fill.begin() + element_bytes, [&](std::byte b) { return b == fill.front(); });
  merge_row(axes);
  outer_ = std::move(axes);
  for (const AxisTable& axis : outer_) rows_ *= extent(axis);
  row_extent_ = extent(row_);
  if (row_extent_ == 0) rows_ = 0;
  make_runs();
}

void AxisCopy::merge_row(std::vector<AxisTable>& axes) {
  row_ = {{0}, 1};
  while (!axes.empty()) {
    const AxisTable& next = axes.back();
    const bool single = extent(row_) == 1;
    const bool adjacent = next.out_stride == extent(row_) * row_.out_stride;
    const bool small = extent(next) <= longest_merged_row / std::max<std::int64_t>(extent(row_), 1);
    if (!single && extent(next) != 1 && !(adjacent && small)) break;
    const std::int64_t stride = single ? next.out_stride : row_.out_stride;
    row_ = merged(next, row_);
    row_.out_stride = stride;
    axes.pop_back();
  }
}

void AxisCopy::make_runs() {
  if (row_.out_stride != 1) return;
  for (std::int64_t i = 0; i < row_extent_; ++i) {
    const std::int64_t from = row_.source[static_cast<std::size_t>(i)];
    const bool extends = !runs_.empty() && (from < 0 ? runs_.back().from < 0
                                                     : runs_.back().from >= 0 &&
                                                           runs_.back().from + runs_.back().count == from);
    if (extends)
      ++runs_.back().count;
    else
      runs_.push_back({i, from, 1});
  }
  if (static_cast<std::int64_t>(runs_.size()) * shortest_run > row_extent_) runs_.clear();
}

void AxisCopy::fill_elements(std::byte* out, std::int64_t count) const noexcept {
  const auto bytes = static_cast<std::size_t>(element_bytes_);
  if (uniform_) {
    std::memset(out, static_cast<int>(fill_[0]), static_cast<std::size_t>(count) * bytes);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) std::memcpy(out + i * element_bytes_, fill_.data(), bytes);
}

void AxisCopy::fill_row(std::byte* out) const noexcept {
  if (row_.out_stride == 1) return fill_elements(out, row_extent_);
  for (std::int64_t i = 0; i < row_extent_; ++i) fill_elements(out + i * row_.out_stride * element_bytes_, 1);
}

template <std::size_t Bytes>
void AxisCopy::gather_row(const std::byte* in, std::byte* out) const noexcept {
  const std::int64_t step = row_.out_stride * static_cast<std::int64_t>(Bytes);
  const std::int64_t* source = row_.source.data();
  for (std::int64_t i = 0; i < row_extent_; ++i, out += step) {
    const std::byte* from = source[i] < 0 ? fill_.data() : in + source[i] * static_cast<std::int64_t>(Bytes);
    std::memcpy(out, from, Bytes);
  }
}

void AxisCopy::copy_row(const std::byte* in, std::byte* out) const noexcept {
  for (const Run& run : runs_) {
    if (run.from < 0)
      fill_elements(out + run.to * element_bytes_, run.count);
    else
      std::memcpy(out + run.to * element_bytes_, in + run.from * element_bytes_,
                  static_cast<std::size_t>(run.count * element_bytes_));
  }
  if (!runs_.empty()) return;
  switch (element_bytes_) {
    case 1:
      return gather_row<1>(in, out);
    case 2:
      return gather_row<2>(in, out);
    case 4:
      return gather_row<4>(in, out);
    default:
      return gather_row<8>(in, out);
  }
}

AxisCopy::Position AxisCopy::position(const std::int64_t* index) const noexcept {
  Position p;
  for (std::size_t d = 0; d < outer_.size(); ++d) {
    const std::int64_t from = outer_[d].source[static_cast<std::size_t>(index[d])];
    p.fill = p.fill || from < 0;
    p.input += from;
    p.output += index[d] * outer_[d].out_stride;
  }
  return p;
}

void AxisCopy::run(const void* input, void* output, std::int64_t begin, std::int64_t end) const noexcept {
  std::array<std::int64_t, max_rank> index{};
  std::int64_t rest = begin;
  for (std::size_t d = outer_.size(); d-- > 0;) {
    index[d] = rest % extent(outer_[d]);
    rest /= extent(outer_[d]);
  }
  const auto* in = static_cast<const std::byte*>(input);
  auto* out = static_cast<std::byte*>(output);
  const bool repeatable = row_.out_stride == 1 && runs_.size() != 1;
  const std::byte* previous = nullptr;
  std::int64_t previous_input = -1;
  for (std::int64_t row = begin; row < end; ++row) {
    const Position p = position(index.data());
    std::byte* to = out + p.output * element_bytes_;
    if (p.fill) {
      fill_row(to);
    } else if (repeatable && previous != nullptr && p.input == previous_input) {
      std::memcpy(to, previous, static_cast<std::size_t>(row_bytes()));
    } else {
      copy_row(in + p.input * element_bytes_, to);
      previous = to;
      previous_input = p.input;
    }
    for (std::size_t d = outer_.size(); d-- > 0;) {
      if (++index[d] < extent(outer_[d])) break;
      index[d] = 0;
    }
  }
}

}  // namespace refcalib::engine::kernels
