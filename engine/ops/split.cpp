#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/strides.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& split = attributes.as<SplitAttributes>();
  const auto axis = static_cast<std::size_t>(normalize_axis(split.axis, in.shape(0).size()));
  std::vector<OutputType> outputs;
  std::int64_t sum = 0;
  for (const std::int64_t size : split.sizes) {
    require(size >= 0, "splits into a negative size");
    require(size <= in.shape(0)[axis] - sum,
            "parts exceed dimension " + std::to_string(axis) + " of " + to_string(in.shape(0)));
    sum += size;
    Shape shape = in.shape(0);
    shape[axis] = size;
    outputs.push_back({in.dtype(0), shape});
  }
  require(sum == in.shape(0)[axis],
          "parts do not add up to dimension " + std::to_string(axis) + " of " + to_string(in.shape(0)));
  return outputs;
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  const std::vector<OutputType> types = infer(attributes, in);
  const auto axis =
      static_cast<std::size_t>(normalize_axis(attributes.as<SplitAttributes>().axis, in.shape(0).size()));
  const std::int64_t inner = plain_strides(in.shape(0))[axis], whole = in.shape(0)[axis] * inner;
  std::vector<Constant> outputs;
  std::int64_t start = 0;
  for (const OutputType& type : types) {
    const std::int64_t chunk = type.shape[axis] * inner;
    std::vector<std::int64_t> index;
    for (std::int64_t o = 0; o < element_count(type.shape) / std::max<std::int64_t>(chunk, 1); ++o)
      for (std::int64_t i = 0; i < chunk; ++i) index.push_back(o * whole + start + i);
    outputs.push_back(fold_gather(in.constant(0), type.shape, index));
    start += chunk;
  }
  return outputs;
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]);
  const auto axis =
      static_cast<std::size_t>(normalize_axis(node.attributes.as<SplitAttributes>().axis, in.shape.size()));
  const std::vector<std::int64_t> from_strides = element_strides(in);
  std::vector<StridedPiece> pieces;
  std::int64_t start = 0;
  for (const ValueId id : node.outputs) {
    const TensorRef out = context.tensor(id);
    pieces.push_back(
        {in.where, out.where, out.shape, from_strides, element_strides(out), start * from_strides[axis], 0});
    start += out.shape[axis];
  }
  return plan_strided(std::move(pieces), size_of(in.dtype));
}

}  // namespace

extern const OpRecord split_op;
const OpRecord split_op{.name = "Split",
                        .infer = infer,
                        .fold = fold,
                        .plan = plan,
                        .rule = QuantizationRule::pass,
                        .any_layout = true};

}  // namespace refcalib::engine
