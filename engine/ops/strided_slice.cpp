#include <algorithm>

#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/strides.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

/// A slice resolved against a shape: per input dimension start, step, count and the dimension of the output (-1: removed); the
/// output shape with new and removed axes.
struct Slice {
  std::vector<std::int64_t> start, step, count, target;
  Shape shape;
};

bool bit(const std::vector<std::int64_t>& mask, std::size_t i) {
  return i < mask.size() && mask[i] != 0;
}

void take(Slice& slice, std::int64_t dim, std::int64_t begin, std::int64_t end, std::int64_t step,
          bool ignore_begin, bool ignore_end) {
  require(step != 0, "slices with stride 0");
  const auto clamp = [dim](std::int64_t v, std::int64_t low, std::int64_t high) {
    return std::clamp(v < 0 ? v + dim : v, low, high);
  };
  const std::int64_t b =
      ignore_begin ? (step > 0 ? 0 : dim - 1) : clamp(begin, step > 0 ? 0 : -1, step > 0 ? dim : dim - 1);
  const std::int64_t e =
      ignore_end ? (step > 0 ? dim : -1) : clamp(end, step > 0 ? 0 : -1, step > 0 ? dim : dim - 1);
  // Written so that no step, however large, overflows; -1 because the end is not taken.
  const std::int64_t count =
      step > 0 ? (e > b ? (e - b - 1) / step + 1 : 0) : (b > e ? (e - b + 1) / step + 1 : 0);
  slice.start.push_back(b);
  slice.step.push_back(count > 1 ? step : 1);
  slice.count.push_back(count);
}

Slice resolve(const Attributes& attributes, const Shape& shape, const std::vector<std::int64_t>& begin,
              const std::vector<std::int64_t>& end, const std::vector<std::int64_t>& steps) {
  const auto& a = attributes.as<StridedSliceAttributes>();
  require(begin.size() == end.size() && (steps.empty() || steps.size() == begin.size()),
          "begin, end and strides differ in length");
  std::size_t consumed = 0, ellipses = 0;
  for (std::size_t i = 0; i < begin.size(); ++i) {
    ellipses += bit(a.ellipsis_mask, i);
    consumed += !bit(a.new_axis_mask, i) && !bit(a.ellipsis_mask, i);
  }
  require(ellipses <= 1, "has more than one ellipsis");
  require(consumed <= shape.size(), "slices more dimensions than " + to_string(shape) + " has");
  Slice slice;
  std::size_t dim = 0;
  const auto keep = [&](std::size_t until) {
    for (; dim < until; ++dim) {
      take(slice, shape[dim], 0, 0, 1, true, true);
      slice.target.push_back(static_cast<std::int64_t>(slice.shape.size()));
      slice.shape.push_back(shape[dim]);
    }
  };
  for (std::size_t i = 0; i < begin.size(); ++i) {
    if (bit(a.ellipsis_mask, i)) {
      keep(dim + shape.size() - consumed);
    } else if (bit(a.new_axis_mask, i)) {
      slice.shape.push_back(1);
    } else if (bit(a.shrink_axis_mask, i)) {
      const std::int64_t at = begin[i] < 0 ? begin[i] + shape[dim] : begin[i];
      require(at >= 0 && at < shape[dim],
              "takes index " + std::to_string(begin[i]) + " of a dimension of " + std::to_string(shape[dim]));
      take(slice, shape[dim++], at, at + 1, 1, false, false);
      slice.target.push_back(-1);
    } else {
      const std::int64_t step = steps.empty() ? 1 : steps[i];
      take(slice, shape[dim++], begin[i], end[i], step, bit(a.begin_mask, i), bit(a.end_mask, i));
      slice.target.push_back(static_cast<std::int64_t>(slice.shape.size()));
      slice.shape.push_back(slice.count.back());
    }
  }
  keep(shape.size());
  return slice;
}

Slice resolve(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 3, 4);
  return resolve(attributes, in.shape(0), in.constant(1).to_ints(), in.constant(2).to_ints(),
                 in.size() > 3 ? in.constant(3).to_ints() : std::vector<std::int64_t>{});
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  return {{in.dtype(0), resolve(attributes, in).shape}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  const Slice slice = resolve(attributes, in);
  const std::vector<std::int64_t> strides = plain_strides(in.shape(0));
  std::vector<std::int64_t> index(static_cast<std::size_t>(element_count(slice.shape)));
  for (std::size_t i = 0; i < index.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), source = 0;
    for (std::size_t d = slice.count.size(); d-- > 0;) {
      source += (slice.start[d] + rest % slice.count[d] * slice.step[d]) * strides[d];
      rest /= slice.count[d];
    }
    index[i] = source;
  }
  return std::vector{fold_gather(in.constant(0), slice.shape, index)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const Slice slice = resolve(node.attributes, OpInputs{context.graph(), node.inputs});
  const std::vector<std::int64_t> strides = element_strides(in), to_strides = element_strides(out);
  StridedPiece piece{.from = in.where, .to = out.where, .shape = slice.count};
  for (std::size_t d = 0; d < strides.size(); ++d) {
    piece.to_strides.push_back(slice.target[d] < 0 ? 0
                                                   : to_strides[static_cast<std::size_t>(slice.target[d])]);
    piece.from_strides.push_back(strides[d] * slice.step[d]);
    piece.from_start += strides[d] * slice.start[d];
  }
  return plan_strided({piece}, size_of(in.dtype));
}

}  // namespace

extern const OpRecord strided_slice_op;
const OpRecord strided_slice_op{.name = "StridedSlice",
                                .infer = infer,
                                .fold = fold,
                                .plan = plan,
                                .rule = QuantizationRule::pass,
                                .any_layout = true};

}  // namespace refcalib::engine
