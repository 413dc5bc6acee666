#include "engine/ops/axis_view.h"

#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

struct Dim {
  std::int64_t extent, from, to;
  bool along;  ///< one of the axes
};

/// Dimensions of more than one element in the order of the memory, neighbours merged.
std::vector<Dim> memory_dims(const TensorRef& in, const TensorRef& out, const std::vector<bool>& axes) {
  const std::vector<std::int64_t> from = element_strides(in), to = element_strides(out);
  std::vector<Dim> dims;
  for (const std::size_t d : memory_order(in)) {
    const Dim dim{in.shape[d], from[d], to[d], axes[d]};
    if (dim.extent == 1) continue;
    const bool merge = !dims.empty() && dims.back().along == dim.along &&
                       dims.back().from == dim.from * dim.extent && dims.back().to == dim.to * dim.extent;
    if (merge)
      dims.back() = {dims.back().extent * dim.extent, dim.from, dim.to, dim.along};
    else
      dims.push_back(dim);
  }
  return dims;
}

}  // namespace

void OffsetPair::append(std::int64_t extent, std::int64_t from, std::int64_t to) {
  dims_.push_back({extent, from, to});
  count_ *= extent;
}

OffsetPair::Pair OffsetPair::at(std::int64_t index) const noexcept {
  Pair pair{0, 0};
  for (std::size_t d = dims_.size(); d-- > 0;) {
    const std::int64_t position = index % dims_[d].extent;
    index /= dims_[d].extent;
    pair.from += position * dims_[d].from;
    pair.to += position * dims_[d].to;
  }
  return pair;
}

std::vector<bool> axis_flags(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> flags(rank, false);
  for (const std::int64_t axis : axes) flags[static_cast<std::size_t>(normalize_axis(axis, rank))] = true;
  return flags;
}

std::optional<AxisView> axis_view(const TensorRef& in, const TensorRef& out, const std::vector<bool>& axes) {
  std::vector<Dim> dims = memory_dims(in, out, axes);
  AxisView view;
  if (!dims.empty() && !dims.back().along && dims.back().from == 1 && dims.back().to == 1) {
    view.inner = dims.back().extent;
    dims.pop_back();
  }
  std::vector<Dim> others;
  bool found = false;
  for (const Dim& dim : dims) {
    if (!dim.along) {
      others.push_back(dim);
      continue;
    }
    if (found) return std::nullopt;
    found = true;
    view.n = dim.extent;
    view.in_stride = dim.from;
    view.out_stride = dim.to;
  }
  if (!others.empty()) {
    view.outer = others.back().extent;
    view.in_outer_stride = others.back().from;
    view.out_outer_stride = others.back().to;
    others.pop_back();
  }
  for (const Dim& dim : others) view.rest.append(dim.extent, dim.from, dim.to);
  return view;
}

ScatteredView scattered_view(const TensorRef& in, const TensorRef& out, const std::vector<bool>& axes) {
  ScatteredView view;
  for (const Dim& dim : memory_dims(in, out, axes))
    (dim.along ? view.element : view.outer).append(dim.extent, dim.from, dim.to);
  return view;
}

}  // namespace refcalib::engine
