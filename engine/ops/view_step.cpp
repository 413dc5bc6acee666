#include "engine/ops/view_step.h"

#include <algorithm>
#include <utility>

#include "engine/core/error.h"
#include "engine/kernels/copy_strided/copy_strided.h"
#include "engine/kernels/layout/layout.h"
#include "engine/kernels/table.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {

std::unique_ptr<Step> plan_strided(std::vector<StridedPiece> pieces, std::size_t element_size) {
  struct Bound {
    Operand from, to;
    std::int64_t from_start, to_start;
    kernels::StridedCopy copy;
  };
  std::vector<Bound> bound;
  for (const StridedPiece& piece : pieces) {
    if (piece.shape.size() > kernels::StridedCopy::max_rank)
      throw UnsupportedError("tensors of more than 8 dimensions are not supported");
    kernels::StridedCopy copy;
    copy.element_bytes = static_cast<int>(element_size);
    copy.rank = static_cast<int>(piece.shape.size());
    std::copy(piece.shape.begin(), piece.shape.end(), copy.dims.begin());
    std::copy(piece.from_strides.begin(), piece.from_strides.end(), copy.in_stride.begin());
    std::copy(piece.to_strides.begin(), piece.to_strides.end(), copy.out_stride.begin());
    const auto bytes = static_cast<std::int64_t>(element_size);
    bound.push_back(
        {piece.from, piece.to, piece.from_start * bytes, piece.to_start * bytes, kernels::normalized(copy)});
  }
  return make_step("copy", [bound = std::move(bound)](const RunContext& context) noexcept {
    for (const Bound& b : bound) {
      kernels::StridedCopy copy = b.copy;
      copy.input = context.read(b.from) + b.from_start;
      copy.output = context.write(b.to) + b.to_start;
      run_units(context, kernels::work_items(copy), 16, copy,
                [](const kernels::StridedCopy& c, std::int64_t begin, std::int64_t end) noexcept {
                  kernels::run(c, begin, end);
                });
    }
  });
}

std::unique_ptr<Step> plan_copy(const TensorRef& from, const TensorRef& to) {
  return plan_strided({{from.where, to.where, to.shape, element_strides(from), element_strides(to), 0, 0}},
                      size_of(from.dtype));
}

}  // namespace refcalib::engine
