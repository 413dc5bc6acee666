#include "engine/ops/activation.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/table.h"
#include "engine/ops/fold.h"
#include "engine/ops/infer.h"
#include "engine/ops/lambda_step.h"
#include "engine/ops/strides.h"

namespace refcalib::engine {
namespace {

using kernels::UnaryOp;

const std::map<std::string, UnaryOp, std::less<>>& vector_functions() {
  static const std::map<std::string, UnaryOp, std::less<>> table = {
      {"abs", UnaryOp::abs},           {"neg", UnaryOp::negate},
      {"relu", UnaryOp::relu},         {"leaky_relu", UnaryOp::leaky_relu},
      {"clamp", UnaryOp::clamp},       {"sigmoid", UnaryOp::sigmoid},
      {"tanh", UnaryOp::tanh},         {"exp", UnaryOp::exp},
      {"log", UnaryOp::log},           {"sqrt", UnaryOp::sqrt},
      {"erf", UnaryOp::erf},           {"floor", UnaryOp::floor},
      {"ceil", UnaryOp::ceil},         {"elu", UnaryOp::elu},
      {"swish", UnaryOp::swish},       {"hswish", UnaryOp::hswish},
      {"hsigmoid", UnaryOp::hsigmoid}, {"hard_sigmoid", UnaryOp::hard_sigmoid},
      {"softplus", UnaryOp::softplus}, {"mish", UnaryOp::mish},
      {"gelu", UnaryOp::gelu_erf},     {"gelu_tanh", UnaryOp::gelu_tanh}};
  return table;
}

/// Functions without a vector kernel; plain arithmetic (and the C library's powf), the same everywhere.
using ScalarFunction = float (*)(float x, float alpha, float beta) noexcept;
const std::map<std::string, ScalarFunction, std::less<>>& scalar_functions() {
  static const std::map<std::string, ScalarFunction, std::less<>> table = {
      {"square", [](float x, float, float) noexcept { return x * x; }},
      {"reciprocal", [](float x, float, float) noexcept { return 1.0F / x; }},
      {"linear", [](float x, float a, float b) noexcept { return a * x + b; }},
      {"power", [](float x, float a, float) noexcept { return std::pow(x, a); }}};
  return table;
}

/// floor and ceil of shape arithmetic.
std::optional<std::vector<Constant>> fold(const Attributes& attributes, const OpInputs& in) {
  const std::string& function = attributes.as<ActivationAttributes>().function;
  if (!in.is_constant(0) || (function != "floor" && function != "ceil")) return std::nullopt;
  std::vector<double> values = to_doubles(in.constant(0));
  for (double& v : values) v = function == "floor" ? std::floor(v) : std::ceil(v);
  return std::vector{make_constant(in.dtype(0), in.shape(0), values)};
}

/// Applies the function to `count` floats, the same way as the run-time kernel does.
void apply(const ActivationAttributes& a, Isa isa, const float* in, float* out, std::int64_t count) {
  const auto alpha = static_cast<float>(a.alpha), beta = static_cast<float>(a.beta);
  if (const auto it = scalar_functions().find(a.function); it != scalar_functions().end()) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = it->second(in[i], alpha, beta);
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

std::unique_ptr<Step> plan(const Node& node, PlanContext& context) {
  const auto& a = node.attributes.as<ActivationAttributes>();
  const TensorRef in = context.tensor(node.inputs[0]), out = context.tensor(node.outputs[0]);
  if (in.dtype == DType::u8) return plan_table(a, in, out, context.isa());
  const RowView from = rows_of(in), to = rows_of(out);
  kernels::UnaryArgs bound{.rows = from.rows,
                           .channels = from.length,
                           .in_stride = from.stride,
                           .out_stride = to.stride,
                           .alpha = static_cast<float>(a.alpha),
                           .beta = static_cast<float>(a.beta)};
  if (const auto it = scalar_functions().find(a.function); it != scalar_functions().end()) {
    return make_step("function_f32", [bound, f = it->second, x = in.where,
                                      y = out.where](const RunContext& c) noexcept {
      const auto* input = reinterpret_cast<const float*>(c.read(x));
      auto* output = reinterpret_cast<float*>(c.write(y));
      c.team.parallel_for(
          bound.rows, row_grain(bound.channels * 4), [&](std::int64_t begin, std::int64_t end, int) {
            for (std::int64_t r = begin; r < end; ++r)
              for (std::int64_t i = 0; i < bound.channels; ++i)
                output[r * bound.out_stride + i] = f(input[r * bound.in_stride + i], bound.alpha, bound.beta);
          });
    });
  }
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

}  // namespace

extern const OpRecord activation_op;
const OpRecord activation_op{.name = "Activation",
                             .infer = infer_same,
                             .fold = fold,
                             .plan = plan,
                             .rule = QuantizationRule::table,
                             .any_layout = true};

}  // namespace refcalib::engine
