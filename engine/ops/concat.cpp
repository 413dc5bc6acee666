#include <cstring>

#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/strides.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

std::size_t axis_of(const Attributes& attributes, const OpInputs& in) {
  require(in.size() >= 1, "has no inputs");
  return static_cast<std::size_t>(normalize_axis(attributes.as<ConcatAttributes>().axis, in.shape(0).size()));
}

/// Shape arithmetic of old files mixes integer types; folding converts them, copying at run time cannot.
void check_types(const OpInputs& in) {
  if (constant_inputs(in)) return;
  for (std::size_t i = 1; i < in.size(); ++i)
    require(in.dtype(i) == in.dtype(0), "concatenates " + std::string(to_string(in.dtype(0))) + " and " +
                                            std::string(to_string(in.dtype(i))));
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  const std::size_t axis = axis_of(attributes, in);
  check_types(in);
  Shape shape = in.shape(0);
  for (std::size_t i = 1; i < in.size(); ++i) {
    require(in.shape(i).size() == shape.size(), "concatenates tensors of different rank");
    for (std::size_t d = 0; d < shape.size(); ++d)
      require(
          d == axis || in.shape(i)[d] == shape[d],
          "inputs " + to_string(in.shape(0)) + " and " + to_string(in.shape(i)) + " differ outside the axis");
    shape[axis] += in.shape(i)[axis];
  }
  return {{in.dtype(0), shape}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const auto constants = constant_inputs(in);
  if (!constants) return std::nullopt;
  const std::size_t axis = axis_of(attributes, in);
  const OutputType type = infer(attributes, in).front();
  std::int64_t outer = 1;
  for (std::size_t d = 0; d < axis; ++d) outer *= type.shape[d];
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(element_count(type.shape)));
  std::vector<std::vector<double>> parts;
  for (const Constant* c : *constants) parts.push_back(to_doubles(*c));
  for (std::int64_t o = 0; o < outer; ++o)
    for (const auto& part : parts) {
      const auto chunk = static_cast<std::ptrdiff_t>(part.size()) / outer;
      values.insert(values.end(), part.begin() + o * chunk, part.begin() + (o + 1) * chunk);
    }
  return std::vector{make_constant(type.dtype, type.shape, values)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef out = context.tensor(node.outputs[0]);
  const auto axis =
      static_cast<std::size_t>(normalize_axis(node.attributes.as<ConcatAttributes>().axis, out.shape.size()));
  const std::vector<std::int64_t> to_strides = element_strides(out);
  std::vector<StridedPiece> pieces;
  std::int64_t start = 0;
  for (const ValueId id : node.inputs) {
    const TensorRef in = context.tensor(id);
    const std::int64_t to_start = start * to_strides[axis];
    start += in.shape[axis];
    const bool in_place =
        in.where.constant == nullptr && in.layout == out.layout &&
        in.where.offset == out.where.offset + static_cast<std::size_t>(to_start) * size_of(out.dtype) &&
        element_strides(in) == to_strides;
    if (!in_place)
      pieces.push_back({in.where, out.where, in.shape, element_strides(in), to_strides, 0, to_start});
  }
  if (pieces.empty()) return nullptr;
  return plan_strided(std::move(pieces), size_of(out.dtype));
}

}  // namespace

extern const OpRecord concat_op;
const OpRecord concat_op{.name = "Concat",
                         .infer = infer,
                         .fold = fold,
                         .plan = plan,
                         .rule = QuantizationRule::unify,
                         .any_layout = true,
                         .aliasing = Aliasing::slices};

}  // namespace refcalib::engine
