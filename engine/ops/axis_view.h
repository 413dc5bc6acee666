#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {

/// The offset of the i-th index of a list of dimensions, slowest first, in two tensors.
class OffsetPair {
 public:
  struct Pair {
    std::int64_t from, to;
  };
  void append(std::int64_t extent, std::int64_t from, std::int64_t to);
  std::int64_t count() const noexcept { return count_; }
  Pair at(std::int64_t index) const noexcept;

 private:
  struct Dim {
    std::int64_t extent, from, to;
  };
  std::vector<Dim> dims_;
  std::int64_t count_ = 1;
};

/// Two tensors of one memory order, seen along some of their axes: [rest][outer][n][inner], where n runs over the
/// axes with one stride, and inner elements are neighbours. The tensors agree but along the axes.
struct AxisView {
  OffsetPair rest;
  std::int64_t outer = 1, n = 1, inner = 1;
  std::int64_t in_outer_stride = 0, out_outer_stride = 0;
  std::int64_t in_stride = 1, out_stride = 1;
};

/// The view along `axes` (a flag per dimension of the file's order), nullopt where several axes have no common stride.
std::optional<AxisView> axis_view(const TensorRef& in, const TensorRef& out, const std::vector<bool>& axes);

/// The same tensors, seen as vectors whose elements lie anywhere: offsets of the vectors, and of the elements inside.
struct ScatteredView {
  OffsetPair outer, element;
};
ScatteredView scattered_view(const TensorRef& in, const TensorRef& out, const std::vector<bool>& axes);

/// Flags of a list of axes, which may be negative. Throws FormatError for one outside the rank.
std::vector<bool> axis_flags(const std::vector<std::int64_t>& axes, std::size_t rank);

/// Copies the geometry of a view to the fields that kernels along an axis have.
template <class Args>
void bind_view(const AxisView& view, Args& args) {
  args.outer = view.outer;
  args.n = view.n;
  args.inner = view.inner;
  args.in_outer_stride = view.in_outer_stride;
  args.out_outer_stride = view.out_outer_stride;
  args.in_stride = view.in_stride;
  args.out_stride = view.out_stride;
}

/// Runs a kernel over all of a view: its units once per index of `rest`. `items`: units of one call.
template <class Args, class Run>
void run_view(const RunContext& context, const AxisView& view, const Args& args, std::int64_t items,
              std::int64_t grain, Run run) noexcept {
  context.team.parallel_for(view.rest.count() * items, grain, [&](std::int64_t begin, std::int64_t end, int) {
    while (begin < end) {
      const std::int64_t index = begin / items, first = begin % items;
      const std::int64_t last = first + (end - begin) < items ? first + (end - begin) : items;
      const auto offset = view.rest.at(index);
      Args here = args;
      here.input = args.input + offset.from;
      here.output = args.output + offset.to;
      run(here, first, last);
      begin += last - first;
    }
  });
}

}  // namespace refcalib::engine
