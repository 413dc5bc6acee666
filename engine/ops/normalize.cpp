#include "engine/kernels/normalize/normalize.h"

#include <map>

#include "engine/kernels/table.h"
#include "engine/ops/axis_view.h"
#include "engine/ops/infer.h"
#include "engine/ops/normalization.h"

namespace refcalib::engine {
namespace {

using kernels::NormalizeArgs;
using kernels::NormalizeOp;

const std::map<std::string, NormalizeOp, std::less<>>& methods() {
  static const std::map<std::string, NormalizeOp, std::less<>> table = {
      {"mean_variance", NormalizeOp::mean_variance},
      {"mean_variance_eps_outside", NormalizeOp::mean_variance_eps_outside},
      {"mean", NormalizeOp::mean},
      {"l2", NormalizeOp::l2},
      {"l2_eps_maximum", NormalizeOp::l2_eps_maximum}};
  return table;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  axis_flags(attributes.as<NormalizeAttributes>().axes, in.shape(0).size());
  if (in.dtype(0) != DType::f32) throw UnsupportedError("normalization of integers is not supported");
  return {{DType::f32, in.shape(0)}};
}

/// Axes without a common stride: every vector is gathered into the scratch, normalized there, and scattered.
std::unique_ptr<Step> plan_scattered(const ScatteredView& view, const kernels::NormalizeKernels& table,
                                     NormalizeOp op, float eps, Operand from, Operand to) {
  const std::int64_t n = view.element.count();
  const std::size_t scratch = scratch_for(n, sizeof(float));
  return make_step(
      std::string(table.name) + "/scattered",
      [=, run = table.of(op)](const RunContext& c) noexcept {
        const auto* x = reinterpret_cast<const float*>(c.read(from));
        auto* y = reinterpret_cast<float*>(c.write(to));
        c.team.parallel_for(view.outer.count(), 1, [&](std::int64_t begin, std::int64_t end, int member) {
          auto* row = reinterpret_cast<float*>(c.scratch_of(member));
          const NormalizeArgs args{.input = row,
                                   .output = row,
                                   .n = n,
                                   .in_outer_stride = n,
                                   .in_stride = 1,
                                   .out_outer_stride = n,
                                   .out_stride = 1,
                                   .eps = eps};
          for (std::int64_t o = begin; o < end; ++o) {
            const auto at = view.outer.at(o);
            for (std::int64_t k = 0; k < n; ++k) row[k] = x[at.from + view.element.at(k).from];
            run(args, 0, 1);
            for (std::int64_t k = 0; k < n; ++k) y[at.to + view.element.at(k).to] = row[k];
          }
        });
      },
      scratch);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<NormalizeAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const auto method = methods().find(a.method);
  if (method == methods().end()) throw UnsupportedError("normalization '" + a.method + "' is not supported");
  const std::vector<bool> axes = axis_flags(a.axes, in.shape.size());
  const auto& table = kernels::select(kernels::normalize_kernels(), context.isa());
  const auto eps = static_cast<float>(a.eps);
  const std::optional<AxisView> view = axis_view(in, out, axes);
  if (!view)
    return plan_scattered(scattered_view(in, out, axes), table, method->second, eps, in.where, out.where);
  NormalizeArgs bound;
  bind_view(*view, bound);
  bound.eps = eps;
  return make_step(table.name, [bound, view = *view, run = table.of(method->second), from = in.where,
                                to = out.where](const RunContext& c) noexcept {
    NormalizeArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(from));
    args.output = reinterpret_cast<float*>(c.write(to));
    run_view(c, view, args, kernels::work_items(args), 1, run);
  });
}

}  // namespace

extern const OpRecord normalize_op;
const OpRecord normalize_op{.name = "Normalize", .infer = infer, .plan = plan, .any_layout = true};

}  // namespace refcalib::engine
