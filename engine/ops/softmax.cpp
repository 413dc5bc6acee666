#include "engine/kernels/softmax/softmax.h"

#include "engine/kernels/table.h"
#include "engine/ops/axis_view.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/movement.h"
#include "engine/ops/require_floats.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  require_floats(in, 0);
  normalize_axis(attributes.as<SoftmaxAttributes>().axis, in.shape(0).size());
  return {{DType::f32, in.shape(0)}};
}

/// Vectors that are worth a thread: short ones are taken 64 at a time.
std::int64_t softmax_grain(std::int64_t n) noexcept {
  return n <= 32 ? 64 : row_grain(n * 16);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<SoftmaxAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const auto axis = static_cast<std::size_t>(normalize_axis(a.axis, in.shape.size()));
  std::vector<bool> axes(in.shape.size(), false);
  axes[axis] = true;
  const AxisView view = axis_view(in, out, axes).value();
  kernels::SoftmaxArgs bound;
  bind_view(view, bound);
  const auto& table = kernels::select(kernels::softmax_kernels(), context.isa());
  return make_step(table.name, [bound, view, run = a.log ? table.log_softmax : table.softmax, from = in.where,
                                to = out.where](const RunContext& c) noexcept {
    kernels::SoftmaxArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(from));
    args.output = reinterpret_cast<float*>(c.write(to));
    run_view(c, view, args, kernels::work_items(args), softmax_grain(args.n), run);
  });
}

}  // namespace

extern const OpRecord softmax_op;
const OpRecord softmax_op{.name = "Softmax", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
