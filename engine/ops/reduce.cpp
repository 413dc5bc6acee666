#include "engine/kernels/reduce/reduce.h"

#include <algorithm>
#include <map>

#include "engine/kernels/table.h"
#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/pooling.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

using kernels::ReduceOp;

const std::map<std::string, ReduceOp, std::less<>>& operations() {
  static const std::map<std::string, ReduceOp, std::less<>> table = {
      {"sum", ReduceOp::sum},        {"mean", ReduceOp::mean},
      {"max", ReduceOp::max},        {"min", ReduceOp::min},
      {"prod", ReduceOp::prod},      {"l1", ReduceOp::l1},
      {"l2", ReduceOp::l2},          {"sum_square", ReduceOp::sum_square},
      {"log_sum", ReduceOp::log_sum}};
  return table;
}

std::vector<bool> reduced_dims(const ReduceAttributes& a, std::size_t rank) {
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : a.axes) reduced[static_cast<std::size_t>(normalize_axis(axis, rank))] = true;
  return reduced;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<ReduceAttributes>();
  const std::vector<bool> reduced = reduced_dims(a, in.shape(0).size());
  Shape shape;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    if (!reduced[d])
      shape.push_back(in.shape(0)[d]);
    else if (a.keep_dims)
      shape.push_back(1);
  }
  return {{in.dtype(0), shape}};
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<ReduceAttributes>();
  if (!in.is_constant(0) || (a.operation != "prod" && a.operation != "sum")) return std::nullopt;
  const std::vector<bool> reduced = reduced_dims(a, in.shape(0).size());
  const OutputType type = infer(attributes, in).front();
  std::vector<double> out(static_cast<std::size_t>(element_count(type.shape)),
                          a.operation == "prod" ? 1.0 : 0.0);
  const std::vector<double> values = to_doubles(in.constant(0));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::size_t rest = i, target = 0, stride = 1;
    for (std::size_t d = reduced.size(); d-- > 0;) {
      const auto dim = static_cast<std::size_t>(in.shape(0)[d]);
      if (!reduced[d]) {
        target += rest % dim * stride;
        stride *= dim;
      }
      rest /= dim;
    }
    if (a.operation == "prod")
      out[target] *= values[i];
    else
      out[target] += values[i];
  }
  return std::vector{make_constant(type.dtype, type.shape, out)};
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ReduceAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const auto operation = operations().find(a.operation);
  if (operation == operations().end())
    throw UnsupportedError("reduction '" + a.operation + "' is not supported");
  const std::vector<bool> reduced = reduced_dims(a, in.shape.size());
  const auto first = std::find(reduced.begin(), reduced.end(), true);
  const auto last = std::find(reduced.rbegin(), reduced.rend(), true).base();
  if (std::find(first, std::max(first, last), false) != std::max(first, last))
    throw UnsupportedError("reduction over axes that are not neighbours is not supported");
  kernels::ReduceArgs bound;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    const auto at = reduced.begin() + static_cast<std::ptrdiff_t>(d);
    (at < first ? bound.outer : at < last ? bound.n : bound.inner) *= in.shape[d];
  }
  bound.in_stride = bound.inner;
  bound.in_outer_stride = bound.n * bound.inner;
  const auto& table = kernels::select(kernels::reduce_kernels(), context.isa());
  return make_step(table.name, [bound, run = table.of(operation->second), from = in.where,
                                to = out.where](const RunContext& c) noexcept {
    kernels::ReduceArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(from));
    args.output = reinterpret_cast<float*>(c.write(to));
    run_units(c, kernels::work_items(args), 1, args, run);
  });
}

}  // namespace

extern const OpRecord reduce_op;
const OpRecord reduce_op{.name = "Reduce", .infer = infer, .fold = fold, .plan = plan};

}  // namespace refcalib::engine
