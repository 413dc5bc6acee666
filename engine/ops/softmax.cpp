#include "engine/kernels/softmax/softmax.h"

#include "engine/kernels/table.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/movement.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  normalize_axis(attributes.as<SoftmaxAttributes>().axis, in.shape(0).size());
  return {{DType::f32, in.shape(0)}};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<SoftmaxAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const auto axis = static_cast<std::size_t>(normalize_axis(a.axis, in.shape.size()));
  kernels::SoftmaxArgs bound;
  bound.n = in.shape[axis];
  bound.inner = plain_strides(in.shape)[axis];
  bound.outer = bound.n * bound.inner == 0 ? 0 : in.count() / (bound.n * bound.inner);
  bound.in_stride = bound.out_stride = bound.inner;
  bound.in_outer_stride = bound.out_outer_stride = bound.n * bound.inner;
  const auto& table = kernels::select(kernels::softmax_kernels(), context.isa());
  return make_step(table.name, [bound, run = a.log ? table.log_softmax : table.softmax, from = in.where,
                                to = out.where](const RunContext& c) noexcept {
    kernels::SoftmaxArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(from));
    args.output = reinterpret_cast<float*>(c.write(to));
    run_units(c, kernels::work_items(args), 64, args, run);
  });
}

}  // namespace

extern const OpRecord softmax_op;
const OpRecord softmax_op{.name = "Softmax", .infer = infer, .plan = plan};

}  // namespace refcalib::engine
