#include "engine/ops/eltwise.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/table.h"
#include "engine/ops/eltwise_u8.h"
#include "engine/ops/fold.h"
#include "engine/ops/general_eltwise.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

using kernels::BinaryOp;

const std::map<std::string, BinaryOp, std::less<>>& kernel_operations() {
  static const std::map<std::string, BinaryOp, std::less<>> table = {
      {"add", BinaryOp::add},
      {"sub", BinaryOp::subtract},
      {"mul", BinaryOp::multiply},
      {"div", BinaryOp::divide},
      {"max", BinaryOp::maximum},
      {"min", BinaryOp::minimum},
      {"squared_difference", BinaryOp::squared_diff},
      {"pow", BinaryOp::power},
      {"prelu", BinaryOp::prelu},
      {"div_truncated", BinaryOp::divide}};
  return table;
}

using Fold = double (*)(double, double);
const std::map<std::string, Fold, std::less<>>& fold_operations() {
  static const std::map<std::string, Fold, std::less<>> table = {
      {"add", [](double a, double b) { return a + b; }},
      {"sub", [](double a, double b) { return a - b; }},
      {"mul", [](double a, double b) { return a * b; }},
      {"div", [](double a, double b) { return a / b; }},
      {"div_truncated", [](double a, double b) { return a / b; }},
      {"prelu", [](double a, double b) { return a < 0 ? a * b : a; }},
      {"max", [](double a, double b) { return std::max(a, b); }},
      {"min", [](double a, double b) { return std::min(a, b); }},
      {"squared_difference", [](double a, double b) { return (a - b) * (a - b); }},
      {"pow", [](double a, double b) { return std::pow(a, b); }},
      {"mod", [](double a, double b) { return std::fmod(a, b); }},
      {"floor_mod", [](double a, double b) { return a - std::floor(a / b) * b; }},
      {"equal", [](double a, double b) { return a == b ? 1.0 : 0.0; }},
      {"not_equal", [](double a, double b) { return a != b ? 1.0 : 0.0; }},
      {"less", [](double a, double b) { return a < b ? 1.0 : 0.0; }},
      {"less_equal", [](double a, double b) { return a <= b ? 1.0 : 0.0; }},
      {"greater", [](double a, double b) { return a > b ? 1.0 : 0.0; }},
      {"greater_equal", [](double a, double b) { return a >= b ? 1.0 : 0.0; }},
      {"logical_and", [](double a, double b) { return a != 0 && b != 0 ? 1.0 : 0.0; }},
      {"logical_or", [](double a, double b) { return a != 0 || b != 0 ? 1.0 : 0.0; }},
      {"logical_xor", [](double a, double b) { return (a != 0) != (b != 0) ? 1.0 : 0.0; }}};
  return table;
}

bool gives_boolean(const std::string& operation) {
  return operation.find("equal") != std::string::npos || operation.starts_with("less") ||
         operation.starts_with("greater") || operation.starts_with("logical");
}

/// Comparisons give truth values. Old files mix floats and integers, which gives floats.
DType result_type(const std::string& operation, const OpInputs& in) {
  if (gives_boolean(operation)) return DType::boolean;
  return is_float(in.dtype(1)) ? in.dtype(1) : in.dtype(0);
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 2, 2);
  const DType dtype = result_type(attributes.as<EltwiseAttributes>().operation, in);
  return {{dtype, broadcast_shape(in.shape(0), in.shape(1))}};
}

/// Integers that were converted to floats, times scales which are the same along trailing dimensions: they stay integers.
/// nullopt if the product is not of that kind.
std::optional<Constant> fold_scaled(const Constant& converted, const Constant& factor) {
  const ScaledIntegers* integers = converted.integers();
  const Shape &shape = converted.shape(), &by = factor.shape();
  if (integers == nullptr || integers->scale != std::vector{1.0F} || !is_float(factor.dtype()) ||
      by.size() > shape.size())
    return std::nullopt;
  std::size_t d = 0, inner = 1;
  const auto size = [&d](const Shape& s) { return s[s.size() - 1 - d]; };
  for (; d < by.size() && size(by) == 1; ++d) inner *= static_cast<std::size_t>(size(shape));
  for (; d < by.size() && size(by) == size(shape); ++d) {
  }
  for (; d < by.size(); ++d)
    if (size(by) != 1) return std::nullopt;
  return converted.rescaled(factor.to_floats(), inner);
}

std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const std::string& operation = attributes.as<EltwiseAttributes>().operation;
  const auto f = fold_operations().find(operation);
  if (!in.is_constant(0) || !in.is_constant(1) || f == fold_operations().end()) return std::nullopt;
  if (operation == "mul")
    for (std::size_t i = 0; i < 2; ++i)
      if (std::optional<Constant> product = fold_scaled(in.constant(i), in.constant(1 - i)))
        return std::vector{*std::move(product)};
  const bool integers = !is_float(in.dtype(0)) && !is_float(in.dtype(1));
  const DType out = result_type(operation, in);
  const auto rounded = [&](double a, double b) {
    require(!integers || b != 0 || (!operation.starts_with("div") && !operation.ends_with("mod")),
            "divides by zero");
    const double y = f->second(a, b);
    return !integers ? y : operation == "div" ? std::floor(y) : std::trunc(y);
  };
  return std::vector{fold_binary(in.constant(0), in.constant(1), out, rounded)};
}

std::unique_ptr<Step> plan_f32(const EltwiseAttributes& a, const TensorRef& x, const TensorRef& y,
                               const TensorRef& out, Isa isa) {
  const auto operation = kernel_operations().find(a.operation);
  if (out.shape.size() > static_cast<std::size_t>(kernels::BinaryArgs::max_rank))
    throw UnsupportedError("tensors of more than 8 dimensions are not supported");
  const auto xs = broadcast_strides(x, out.shape), ys = broadcast_strides(y, out.shape),
             os = element_strides(out);
  kernels::BinaryArgs bound;
  for (const std::size_t d : memory_order(out)) {
    bound.dims[bound.rank] = out.shape[d];
    bound.a_stride[bound.rank] = xs[d];
    bound.b_stride[bound.rank] = ys[d];
    bound.out_stride[bound.rank++] = os[d];
  }
  bound = kernels::normalized(bound);
  const auto& table = kernels::select(kernels::eltwise_kernels(), isa);
  const RowView rows = rows_of(out);
  kernels::UnaryArgs clamp{.rows = rows.rows,
                           .channels = rows.length,
                           .in_stride = rows.stride,
                           .out_stride = rows.stride,
                           .alpha = static_cast<float>(a.activation.low),
                           .beta = static_cast<float>(a.activation.high)};
  const bool clamped = std::isfinite(a.activation.low) || std::isfinite(a.activation.high);
  return make_step(table.name,
                   [=, run = table.of(operation->second), limit = table.of(kernels::UnaryOp::clamp),
                    xw = x.where, yw = y.where, ow = out.where](const RunContext& c) noexcept {
                     kernels::BinaryArgs args = bound;
                     args.a = reinterpret_cast<const float*>(c.read(xw));
                     args.b = reinterpret_cast<const float*>(c.read(yw));
                     args.output = reinterpret_cast<float*>(c.write(ow));
                     run_units(c, kernels::work_items(args), 4, args, run);
                     if (!clamped) return;
                     kernels::UnaryArgs second = clamp;
                     second.input = second.output = args.output;
                     run_units(c, kernels::work_items(second), 4, second, limit);
                   });
}

bool integer_capable(const Graph& graph, const Node& node) {
  const auto shape = [&](ValueId id) { return graph.value(id).shape; };
  return runs_on_u8(node.attributes.as<EltwiseAttributes>(), shape(node.inputs[0]), shape(node.inputs[1]),
                    shape(node.outputs[0]));
}

/// Constants take part in the type that they have: as floats, or as whole numbers.
TensorRef operand(PlanContext& context, ValueId id) {
  const Value& value = context.graph().value(id);
  const bool real = !value.constant || is_float(value.constant.dtype());
  return context.tensor(id, real ? DType::f32 : DType::i64);
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<EltwiseAttributes>();
  const TensorRef out = context.tensor(node.outputs[0]);
  if (out.quantization != nullptr)
    return plan_eltwise_u8(a, context.tensor(node.inputs[0]), context.tensor(node.inputs[1]), out,
                           context.isa());
  TensorRef x = operand(context, node.inputs[0]), y = operand(context, node.inputs[1]);
  // Old files mix floats with whole constants.
  if (x.dtype == DType::f32) y = context.tensor(node.inputs[1], DType::f32);
  if (y.dtype == DType::f32) x = context.tensor(node.inputs[0], DType::f32);
  const bool all_float = x.dtype == DType::f32 && y.dtype == DType::f32 && out.dtype == DType::f32;
  if (all_float && kernel_operations().contains(a.operation)) return plan_f32(a, x, y, out, context.isa());
  return plan_general_eltwise(a, x, y, out);
}

}  // namespace

extern const OpRecord eltwise_op;
const OpRecord eltwise_op{.name = "Eltwise",
                          .infer = infer,
                          .fold = fold,
                          .plan = plan,
                          .rule = QuantizationRule::elementwise,
                          .integer_capable = integer_capable,
                          .any_layout = true};

}  // namespace refcalib::engine
