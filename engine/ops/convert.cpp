#include <cmath>

#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/movement.h"
#include "engine/ops/view_step.h"

namespace refcalib::engine {
namespace {

DType target(const Attributes& attributes) {
  const std::string& name = attributes.as<ConvertAttributes>().to;
  for (int i = 0; i <= static_cast<int>(DType::boolean); ++i)
    if (to_string(static_cast<DType>(i)) == name)
      return static_cast<DType>(i) == DType::f16 ? DType::f32 : static_cast<DType>(i);
  throw UnsupportedError("conversion to element type '" + name + "' is not supported");
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  return {{target(attributes), in.shape(0)}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  if (!in.is_constant(0)) return std::nullopt;
  const DType to = target(attributes);
  const Constant& source = in.constant(0);
  // Weights stay as the file has them (f16 in the mapped file) until they are packed.
  if (to == DType::f32 && (source.dtype() == DType::f32 || source.dtype() == DType::f16))
    return std::vector{source};
  std::vector<double> values = to_doubles(source);
  for (double& v : values) {
    if (to == DType::boolean)
      v = v != 0 ? 1 : 0;
    else if (!is_float(to))
      v = std::trunc(v);
  }
  return std::vector{make_constant(to, source.shape(), values)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (in.dtype != out.dtype)
    throw UnsupportedError("conversion of computed values from " + std::string(to_string(in.dtype)) + " to " +
                           std::string(to_string(out.dtype)) + " is not supported");
  return plan_copy(in, out);
}

}  // namespace

extern const OpRecord convert_op;
const OpRecord convert_op{.name = "Convert", .infer = infer, .fold = fold, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
