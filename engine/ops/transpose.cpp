#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/strides.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

const std::vector<std::int64_t>& checked_order(const Attributes& attributes, const OpInputs& in) {
  const auto& order = attributes.as<TransposeAttributes>().order;
  const std::size_t rank = in.shape(0).size();
  std::vector<bool> seen(rank, false);
  require(order.size() == rank,
          "the order does not have one entry per dimension of " + to_string(in.shape(0)));
  for (const std::int64_t axis : order) {
    require(axis >= 0 && axis < static_cast<std::int64_t>(rank) && !seen[static_cast<std::size_t>(axis)],
            "the order is not a permutation");
    seen[static_cast<std::size_t>(axis)] = true;
  }
  return order;
}

template <class T>
std::vector<T> permuted(const std::vector<T>& values, const std::vector<std::int64_t>& order) {
  std::vector<T> out;
  for (const std::int64_t axis : order) out.push_back(values[static_cast<std::size_t>(axis)]);
  return out;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  return {{in.dtype(0), permuted(in.shape(0), checked_order(attributes, in))}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  const auto& order = checked_order(attributes, in);
  const Shape shape = permuted(in.shape(0), order);
  const std::vector<std::int64_t> strides = permuted(plain_strides(in.shape(0)), order);
  std::vector<std::int64_t> index(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < index.size(); ++i) {
    std::int64_t rest = static_cast<std::int64_t>(i), source = 0;
    for (std::size_t d = shape.size(); d-- > 0;) {
      source += rest % shape[d] * strides[d];
      rest /= shape[d];
    }
    index[i] = source;
  }
  return std::vector{fold_gather(in.constant(0), shape, index)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  StridedPiece piece{.from = in.where, .to = out.where, .shape = out.shape};
  piece.from_strides = permuted(element_strides(in), node.attributes.as<TransposeAttributes>().order);
  piece.to_strides = element_strides(out);
  return plan_strided({piece}, size_of(in.dtype));
}

}  // namespace

extern const OpRecord transpose_op;
const OpRecord transpose_op{
    .name = "Transpose", .infer = infer, .fold = fold, .plan = plan, .rule = QuantizationRule::pass};

}  // namespace refcalib::engine
