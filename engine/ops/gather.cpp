#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/strides.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

std::size_t axis_of(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  return static_cast<std::size_t>(normalize_axis(attributes.as<GatherAttributes>().axis, in.shape(0).size()));
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const std::size_t axis = axis_of(attributes, in);
  Shape shape(in.shape(0).begin(), in.shape(0).begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), in.shape(1).begin(), in.shape(1).end());
  shape.insert(shape.end(), in.shape(0).begin() + static_cast<std::ptrdiff_t>(axis) + 1, in.shape(0).end());
  return {{in.dtype(0), shape}};
}

std::vector<std::int64_t> checked_indices(const Constant& indices, std::int64_t dim) {
  std::vector<std::int64_t> values = indices.to_ints();
  for (std::int64_t& v : values) {
    if (v < 0) v += dim;
    require(v >= 0 && v < dim, "gathers an index outside the dimension of " + std::to_string(dim));
  }
  return values;
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0) || !in.is_constant(1)) return std::nullopt;
  const std::size_t axis = axis_of(attributes, in);
  const Shape shape = infer(attributes, in).front().shape;
  const std::int64_t dim = in.shape(0)[axis], inner = plain_strides(in.shape(0))[axis];
  const std::int64_t outer = dim * inner == 0 ? 0 : element_count(in.shape(0)) / (dim * inner);
  const std::vector<std::int64_t> picks = checked_indices(in.constant(1), dim);
  std::vector<std::int64_t> index;
  for (std::int64_t o = 0; o < outer; ++o)
    for (const std::int64_t pick : picks)
      for (std::int64_t i = 0; i < inner; ++i) index.push_back((o * dim + pick) * inner + i);
  return std::vector{fold_gather(in.constant(0), shape, index)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const OpInputs inputs{context.graph(), node.inputs};
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const std::size_t axis = axis_of(node.attributes, inputs);
  const std::vector<std::int64_t> from = element_strides(in);
  const std::int64_t inner = from[axis], outer = element_count(in.shape) / (in.shape[axis] * inner);
  const std::vector<std::int64_t> picks = checked_indices(inputs.constant(1), in.shape[axis]);
  const auto count = static_cast<std::int64_t>(picks.size());
  std::vector<StridedPiece> pieces;
  for (std::int64_t p = 0; p < count; ++p)
    pieces.push_back({in.where,
                      out.where,
                      {outer, inner},
                      {in.shape[axis] * inner, 1},
                      {count * inner, 1},
                      picks[static_cast<std::size_t>(p)] * inner,
                      p * inner});
  return plan_strided(std::move(pieces), size_of(in.dtype));
}

}  // namespace

extern const OpRecord gather_op;
const OpRecord gather_op{
    .name = "Gather", .infer = infer, .fold = fold, .plan = plan, .rule = QuantizationRule::pass};

}  // namespace refcalib::engine
