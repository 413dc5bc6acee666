#include "engine/kernels/reduce/reduce.h"

#include <algorithm>
#include <map>

#include "engine/kernels/table.h"
#include "engine/ops/axis_view.h"
#include "engine/ops/fold.h"
#include "engine/ops/general_reduce.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/pooling.h"
#include "engine/ops/reduce_u8.h"
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

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const auto& a = attributes.as<ReduceAttributes>();
  const std::vector<bool> reduced = axis_flags(a.axes, in.shape(0).size());
  Shape shape;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    if (!reduced[d])
      shape.push_back(in.shape(0)[d]);
    else if (a.keep_dims)
      shape.push_back(1);
  }
  return {{in.dtype(0), shape}};
}

/// Sums and products of constants, and all reductions of integers, as shape arithmetic has them.
std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<ReduceAttributes>();
  if (!in.is_constant(0)) return std::nullopt;
  const bool floats = is_float(in.dtype(0));
  const bool folds =
      floats ? a.operation == "prod" || a.operation == "sum" : is_general_reduction(a.operation);
  if (!folds) return std::nullopt;
  const std::vector<bool> reduced = axis_flags(a.axes, in.shape(0).size());
  const OutputType type = infer(attributes, in).front();
  const auto count = static_cast<std::size_t>(element_count(type.shape));
  const auto target = [&](std::size_t rest) {
    std::size_t at = 0, stride = 1;
    for (std::size_t d = reduced.size(); d-- > 0;) {
      const auto dim = static_cast<std::size_t>(in.shape(0)[d]);
      if (!reduced[d]) {
        at += rest % dim * stride;
        stride *= dim;
      }
      rest /= dim;
    }
    return at;
  };
  if (floats) {
    std::vector<double> out(count, a.operation == "prod" ? 1.0 : 0.0);
    const std::vector<double> values = to_doubles(in.constant(0));
    for (std::size_t i = 0; i < values.size(); ++i) {
      double& total = out[target(i)];
      total = a.operation == "prod" ? total * values[i] : total + values[i];
    }
    return std::vector{make_constant(type.dtype, type.shape, out)};
  }
  const IntegerReduction& r = integer_reduction(a.operation);
  std::vector<std::int64_t> out(count, r.neutral);
  const std::vector<std::int64_t> values = in.constant(0).to_ints();
  for (std::size_t i = 0; i < values.size(); ++i) out[target(i)] = r.combine(out[target(i)], values[i]);
  const std::int64_t each = count == 0 ? 0 : static_cast<std::int64_t>(values.size() / count);
  for (std::int64_t& total : out) total = r.finish(total, each);
  return std::vector{converted(Constant::i64(type.shape, std::move(out)), type.dtype)};
}

/// Axes without a common stride: the elements of each result are gathered into the scratch.
std::unique_ptr<Step> plan_scattered(const std::vector<bool>& axes, const TensorRef& in, const TensorRef& out,
                                     const kernels::ReduceKernels& table, ReduceOp op) {
  OffsetPair outer, element;
  const std::vector<std::int64_t> strides = element_strides(in);
  for (std::size_t d = 0; d < axes.size(); ++d)
    (axes[d] ? element : outer).append(in.shape[d], strides[d], 0);
  const std::int64_t n = element.count();
  return make_step(
      std::string(table.name) + "/scattered",
      [=, run = table.of(op), from = in.where, to = out.where](const RunContext& c) noexcept {
        const auto* x = reinterpret_cast<const float*>(c.read(from));
        auto* y = reinterpret_cast<float*>(c.write(to));
        c.team.parallel_for(outer.count(), 1, [&](std::int64_t begin, std::int64_t end, int member) {
          auto* row = reinterpret_cast<float*>(c.scratch_of(member));
          for (std::int64_t o = begin; o < end; ++o) {
            const float* const base = x + outer.at(o).from;
            for (std::int64_t k = 0; k < n; ++k) row[k] = base[element.at(k).from];
            run({.input = row, .output = y + o, .n = n, .in_outer_stride = n, .in_stride = 1}, 0, 1);
          }
        });
      },
      scratch_for(n, sizeof(float)));
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ReduceAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  const std::vector<bool> reduced = axis_flags(a.axes, in.shape.size());
  if (out.dtype == DType::u8 && out.quantization != nullptr) return plan_mean_u8(reduced, in, out);
  const auto operation = operations().find(a.operation);
  const bool truth = a.operation == "and" || a.operation == "or";
  if (operation == operations().end() && !truth)
    throw UnsupportedError("reduction '" + a.operation + "' is not supported");
  if (in.dtype != DType::f32 || truth) return plan_general_reduce(a.operation, reduced, in, out);
  const auto first = std::find(reduced.begin(), reduced.end(), true);
  const auto last = std::find(reduced.rbegin(), reduced.rend(), true).base();
  const auto& table = kernels::select(kernels::reduce_kernels(), context.isa());
  if (std::find(first, std::max(first, last), false) != std::max(first, last))
    return plan_scattered(reduced, in, out, table, operation->second);
  kernels::ReduceArgs bound;
  for (std::size_t d = 0; d < reduced.size(); ++d) {
    const auto at = reduced.begin() + static_cast<std::ptrdiff_t>(d);
    (at < first ? bound.outer : at < last ? bound.n : bound.inner) *= in.shape[d];
  }
  bound.in_stride = bound.inner;
  bound.in_outer_stride = bound.n * bound.inner;
  return make_step(table.name, [bound, run = table.of(operation->second), from = in.where,
                                to = out.where](const RunContext& c) noexcept {
    kernels::ReduceArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(from));
    args.output = reinterpret_cast<float*>(c.write(to));
    run_units(c, kernels::work_items(args), 1, args, run);
  });
}

/// Means of what other layers computed.
bool integer_capable(const Graph& graph, const Node& node) {
  const auto& a = node.attributes.as<ReduceAttributes>();
  const Value& x = graph.value(node.inputs[0]);
  if (a.operation != "mean" || a.axes.empty() || x.producer == kNone || element_count(x.shape) == 0)
    return false;
  return element_count(x.shape) /
             std::max<std::int64_t>(element_count(graph.value(node.outputs[0]).shape), 1) <=
         std::int64_t{1} << 23;
}

}  // namespace

extern const OpRecord reduce_op;
const OpRecord reduce_op{.name = "Reduce",
                         .infer = infer,
                         .fold = fold,
                         .plan = plan,
                         .rule = QuantizationRule::requantize,
                         .integer_capable = integer_capable};

}  // namespace refcalib::engine
