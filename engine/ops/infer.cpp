#include "engine/ops/infer.h"

#include <algorithm>

namespace refcalib::engine {

Shape broadcast_shape(const Shape& a, const Shape& b) {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape out(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t da = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t db = i < b.size() ? b[b.size() - 1 - i] : 1;
    require(da == db || da == 1 || db == 1,
            "shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
    out[rank - 1 - i] = da == 1 ? db : da;
  }
  return out;
}

std::vector<OutputType> infer_same(const Attributes&, const OpInputs& in) {
  require(in.size() >= 1, "has no input");
  return {{in.dtype(0), in.shape(0)}};
}

std::int64_t normalize_axis(std::int64_t axis, std::size_t rank) {
  const auto r = static_cast<std::int64_t>(rank);
  require(axis >= -r && axis < r,
          "axis " + std::to_string(axis) + " is outside a tensor of rank " + std::to_string(r));
  return axis < 0 ? axis + r : axis;
}

}  // namespace refcalib::engine
