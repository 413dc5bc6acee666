#include "engine/ops/activation.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/table.h"
#include "engine/ops/broadcast_loop.h"
#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/scalar_functions.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

using kernels::UnaryOp;

const std::map<std::string, UnaryOp, std::less<>>& vector_functions() {
  static const std::map<std::string, UnaryOp, std::less<>> table = {{"abs", UnaryOp::abs},
                                                                    {"neg", UnaryOp::negate},
                                                                    {"relu", UnaryOp::relu},
                                                                    {"leaky_relu", UnaryOp::leaky_relu},
                                                                    {"clamp", UnaryOp::clamp},
                                                                    {"sigmoid", UnaryOp::sigmoid},
                                                                    {"tanh", UnaryOp::tanh},
                                                                    {"exp", UnaryOp::exp},
                                                                    {"log", UnaryOp::log},
                                                                    {"sqrt", UnaryOp::sqrt},
                                                                    {"erf", UnaryOp::erf},
                                                                    {"floor", UnaryOp::floor},
                                                                    {"round", UnaryOp::round},
                                                                    {"linear", UnaryOp::linear},
                                                                    {"affine", UnaryOp::linear},
                                                                    {"ceil", UnaryOp::ceil},
                                                                    {"elu", UnaryOp::elu},
                                                                    {"swish", UnaryOp::swish},
                                                                    {"hswish", UnaryOp::hswish},
                                                                    {"hsigmoid", UnaryOp::hsigmoid},
                                                                    {"hard_sigmoid", UnaryOp::hard_sigmoid},
                                                                    {"softplus", UnaryOp::softplus},
                                                                    {"mish", UnaryOp::mish},
                                                                    {"gelu", UnaryOp::gelu_erf},
                                                                    {"gelu_tanh", UnaryOp::gelu_tanh}};
  return table;
}

std::vector<OutputType> infer(const Attributes& attributes, const OpInputs& in) {
  require_inputs(in, 1, 1);
  const bool truth = gives_truth(attributes.as<ActivationAttributes>().function);
  return {{truth ? DType::boolean : in.dtype(0), in.shape(0)}};
}

/// Functions of integers, and the roundings and signs that shape arithmetic takes of floats.
std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const auto& a = attributes.as<ActivationAttributes>();
  const IntegerFunction function = find_integer_function(a.function);
  if (!in.is_constant(0)) return std::nullopt;
  const OutputType type = infer(attributes, in).front();
  if (!is_float(in.dtype(0)) && function != nullptr) {
    std::vector<std::int64_t> values = in.constant(0).to_ints();
    for (std::int64_t& v : values) v = function(v, a.alpha, a.beta);
    if (type.dtype == DType::boolean)
      for (std::int64_t& v : values) v &= 1;
    return std::vector{converted(Constant::i64(type.shape, std::move(values)), type.dtype)};
  }
  using Fold = double (*)(double);
  static const std::map<std::string, Fold, std::less<>> table = {{"floor", [](double x) { return std::floor(x); }},
                                                                 {"ceil", [](double x) { return std::ceil(x); }},
                                                                 {"round", [](double x) { return std::nearbyint(x); }},
                                                                 {"round_away", [](double x) { return std::round(x); }},
                                                                 {"abs", [](double x) { return std::fabs(x); }},
                                                                 {"neg", [](double x) { return -x; }},
                                                                 {"sqrt", [](double x) { return std::sqrt(x); }}};
  const auto it = table.find(a.function);
  if (it == table.end()) return std::nullopt;
  std::vector<double> values = to_doubles(in.constant(0));
  for (double& v : values) v = it->second(v);
  return std::vector{make_constant(type.dtype, type.shape, values)};
}

/// Applies the function to `count` floats, the same way as the run-time kernel does.
void apply(const ActivationAttributes& a, Isa isa, const float* in, float* out, std::int64_t count) {
  const auto alpha = static_cast<float>(a.alpha), beta = static_cast<float>(a.beta);
  if (const FloatFunction function = find_float_function(a.function); function != nullptr) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = function(in[i], alpha, beta);
    return;
  }
  const auto it = vector_functions().find(a.function);
  if (it == vector_functions().end())
    throw UnsupportedError("activation '" + a.function + "' is not supported");
  const auto& table = kernels::select(kernels::eltwise_kernels(), isa);
  const kernels::UnaryArgs args{.input = in,
                                .output = out,
                                .rows = 1,
                                .channels = count,
                                .in_stride = count,
                                .out_stride = count,
                                .alpha = alpha,
                                .beta = beta};
  table.of(it->second)(args, 0, kernels::work_items(args));
}

std::unique_ptr<Step> plan_table(const ActivationAttributes& a, const TensorRef& in, const TensorRef& out,
                                 Isa isa) {
  std::array<float, 256> x{}, y{};
  for (int q = 0; q < 256; ++q)
    x[static_cast<std::size_t>(q)] =
        static_cast<float>(q - in.quantization->zero_point) * in.quantization->scale.front();
  apply(a, isa, x.data(), y.data(), 256);
  std::array<std::uint8_t, 256> entries{};
  const float inverse = 1.0F / out.quantization->scale.front();
  const auto zero_point = static_cast<float>(out.quantization->zero_point);
  for (std::size_t q = 0; q < 256; ++q) {
    float v = y[q] * inverse;
    v = v > -zero_point ? v : -zero_point;
    v = v < 255.0F - zero_point ? v : 255.0F - zero_point;
    entries[q] = static_cast<std::uint8_t>(std::nearbyint(v) + zero_point);
  }
  const RowView from = rows_of(in), to = rows_of(out);
  return make_step("lookup_u8", [=, a_where = in.where, b_where = out.where](const RunContext& c) noexcept {
    const kernels::LookupArgs args{.input = reinterpret_cast<const std::uint8_t*>(c.read(a_where)),
                                   .output = reinterpret_cast<std::uint8_t*>(c.write(b_where)),
                                   .channels = from.length,
                                   .in_stride = from.stride,
                                   .out_stride = to.stride,
                                   .table = entries.data()};
    run_units(c, from.rows, row_grain(from.length), args,
              [](const kernels::LookupArgs& l, std::int64_t b, std::int64_t e) noexcept {
                kernels::lookup_u8(l, b, e);
              });
  });
}

/// Throws UnsupportedError unless the function is known for floats.
void check_function(const ActivationAttributes& a) {
  if (find_float_function(a.function) == nullptr && !vector_functions().contains(a.function))
    throw UnsupportedError("activation '" + a.function + "' is not supported");
}

/// Any function of elements of any type, as a plain loop. Integers take part as integers where that is exact, else
/// as floats.
std::unique_ptr<Step> plan_general(const ActivationAttributes& a, const TensorRef& in, const TensorRef& out,
                                   Isa isa) {
  const IntegerFunction integers = is_float(in.dtype) ? nullptr : find_integer_function(a.function);
  if (integers == nullptr) check_function(a);
  const auto loop = broadcast_loop<2>({&out, &in});
  return make_step(integers == nullptr ? "function/f32" : "function/i64",
                   [=, x = in.where, y = out.where, from_type = in.dtype,
                    to_type = out.dtype](const RunContext& c) noexcept {
                     const std::byte* from = c.read(x);
                     std::byte* to = c.write(y);
                     c.team.parallel_for(loop.units(), 4, [&](std::int64_t begin, std::int64_t end, int) {
                       float real[kElementBlock];
                       std::int64_t whole[kElementBlock];
                       for (std::int64_t unit = begin; unit < end; ++unit) {
                         const auto p = loop.piece(unit);
                         const std::byte* source =
                             from + p.offset[1] * static_cast<std::int64_t>(size_of(from_type));
                         std::byte* target = to + p.offset[0] * static_cast<std::int64_t>(size_of(to_type));
                         if (integers != nullptr) {
                           load_block(from_type, source, p.stride[1], p.count, whole);
                           for (std::int64_t i = 0; i < p.count; ++i)
                             whole[i] = integers(whole[i], a.alpha, a.beta);
                           if (to_type == DType::boolean)
                             for (std::int64_t i = 0; i < p.count; ++i) whole[i] &= 1;
                           store_block(to_type, target, p.stride[0], p.count, whole);
                         } else {
                           load_block(from_type, source, p.stride[1], p.count, real);
                           apply(a, isa, real, real, p.count);
                           store_block(to_type, target, p.stride[0], p.count, real);
                         }
                       }
                     });
                   });
}

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ActivationAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (in.quantization != nullptr) return plan_table(a, in, out, context.isa());
  if (in.dtype != DType::f32 || out.dtype != DType::f32) return plan_general(a, in, out, context.isa());
  RowView from = rows_of(in), to = rows_of(out);
  join_rows(from, to);
  kernels::UnaryArgs bound{.rows = from.rows,
                           .channels = from.length,
                           .in_stride = from.stride,
                           .out_stride = to.stride,
                           .alpha = static_cast<float>(a.alpha),
                           .beta = static_cast<float>(a.beta)};
  if (find_float_function(a.function) != nullptr) return plan_general(a, in, out, context.isa());
  const auto it = vector_functions().find(a.function);
  if (it == vector_functions().end())
    throw UnsupportedError("activation '" + a.function + "' is not supported");
  const auto& table = kernels::select(kernels::eltwise_kernels(), context.isa());
  return make_step(table.name, [bound, run = table.of(it->second), x = in.where,
                                y = out.where](const RunContext& c) noexcept {
    kernels::UnaryArgs args = bound;
    args.input = reinterpret_cast<const float*>(c.read(x));
    args.output = reinterpret_cast<float*>(c.write(y));
    run_units(c, kernels::work_items(args), row_grain(std::min<std::int64_t>(args.channels, 1024) * 4), args,
              run);
  });
}

/// A table adds a rounding, which multiplying by a constant is not worth.
bool integer_capable(const Graph&, const Node& node) {
  return node.attributes.as<ActivationAttributes>().function != "affine";
}

}  // namespace

extern const OpRecord activation_op;
const OpRecord activation_op{.name = "Activation",
                             .infer = infer,
                             .fold = fold,
                             .plan = plan,
                             .rule = QuantizationRule::table,
                             .integer_capable = integer_capable,
                             .any_layout = true};

}  // namespace refcalib::engine
