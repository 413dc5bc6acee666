#include <algorithm>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_spelling.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::ir {
namespace {

void plain(LegacyWriter& w, const char* type) {
  w.add(type, {}, {&w.input(0)});
}

/// The attributes of both generations are the same.
void same(LegacyWriter& w, const char* type) {
  w.add(type, w.attributes(), {&w.input(0)});
}

/// Values per channel of a constant that broadcasts over `x` along dimension 1 alone; empty otherwise.
std::vector<float> per_channel(const LegacyValue& constant, const LegacyValue& x) {
  const Shape& shape = constant.shape;
  if (!constant.constant || constant.constant->dtype() != DType::f32 || x.shape.size() < 2 ||
      shape.size() > x.shape.size())
    return {};
  const std::size_t missing = x.shape.size() - shape.size();
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != 1 && (d + missing != 1 || shape[d] != x.shape[1])) return {};
  return constant.constant->to_floats();
}

Constant vector(std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Constant::f32({count}, std::move(values));
}

struct Operands {
  LegacyValue *data, *constant;
};

/// The computed operand of a sum or product and the constant one; no constant if both are computed.
Operands operands(const LegacyWriter& w) {
  LegacyValue &a = w.input(0), &b = w.input(1);
  if (b.constant) return {&a, &b};
  if (a.constant) return {&b, &a};
  return {&a, nullptr};
}

void eltwise(LegacyWriter& w, const char* operation) {
  w.add("Eltwise", {{"operation", operation}}, {&w.input(0), &w.input(1)});
}

/// Scales and shifts by channel as a ScaleShift with the other part neutral.
bool add_scale_shift(LegacyWriter& w, LegacyValue& x, std::vector<float> values, bool scale) {
  if (values.empty()) return false;
  values.resize(static_cast<std::size_t>(x.shape[1]), values.front());
  std::vector<float> other(values.size(), scale ? 0.0F : 1.0F);
  Constant stated = vector(std::move(values)), neutral = vector(std::move(other));
  w.add("ScaleShift", {}, {&x},
        {{"weights", scale ? stated : neutral}, {"biases", scale ? neutral : stated}});
  return true;
}

/// A constant behind a layer with weights is its bias.
bool add_bias(LegacyWriter& w, const Operands& o, const std::vector<float>& values) {
  for (const char* type : {"Convolution", "Deconvolution", "FullyConnected"}) {
    if (values.size() != static_cast<std::size_t>(o.data->shape.at(1)) ||
        !w.completes(*o.data, type, "biases"))
      continue;
    w.complete(*o.data, "biases", vector(values));
    return true;
  }
  return false;
}

void add(LegacyWriter& w) {
  const Operands o = operands(w);
  if (o.constant != nullptr && o.data->shape == w.output().shape) {
    const std::vector<float> values = per_channel(*o.constant, *o.data);
    if (!values.empty() && (add_bias(w, o, values) || add_scale_shift(w, *o.data, values, false))) return;
  }
  eltwise(w, "sum");
}

void multiply(LegacyWriter& w) {
  const Operands o = operands(w);
  if (o.constant != nullptr && o.data->shape == w.output().shape) {
    const std::vector<float> values = per_channel(*o.constant, *o.data);
    if (add_scale_shift(w, *o.data, values, true)) return;
  }
  eltwise(w, "mul");
}

void subtract(LegacyWriter& w) {
  const Operands o = operands(w);
  if (o.constant == &w.input(1) && o.data->shape == w.output().shape) {
    std::vector<float> values = per_channel(*o.constant, *o.data);
    for (float& value : values) value = -value;
    if (add_scale_shift(w, *o.data, std::move(values), false)) return;
  }
  eltwise(w, "sub");
}

/// Quotients of integers are rounded down or towards zero, which v7 does not say.
void divide(LegacyWriter& w) {
  if (!w.output().precision.starts_with("FP"))
    throw UnsupportedError("a quotient of integers has no form in IR version 7",
                           {"", "", "write version 11"});
  eltwise(w, "div");
}

/// The exponents that models use have layers of their own.
void power(LegacyWriter& w) {
  const LegacyValue& exponent = w.input(1);
  if (exponent.constant && exponent.constant->count() == 1 && w.output().shape == w.input(0).shape) {
    const float k = exponent.constant->to_floats().front();
    LegacyValue* const x = &w.input(0);
    if (k == 0.5F) return w.add("Sqrt", {}, {x});
    if (k == -1.0F) return w.add("Reciprocal", {}, {x});
    if (k == 2.0F) return w.add("Eltwise", {{"operation", "mul"}}, {x, x});
    if (k == 3.0F)
      return w.add("Eltwise", {{"operation", "mul"}},
                   {w.helper("Eltwise", "square", {{"operation", "mul"}}, {x, x}, x->shape), x});
  }
  eltwise(w, "pow");
}

/// One slope for all, or one for each channel.
void prelu(LegacyWriter& w) {
  const std::vector<float> slopes = w.constant(1).to_floats();
  const Shape& x = w.input(0).shape;
  const bool shared = slopes.size() == 1;
  const bool by_channel = x.size() > 1 && slopes.size() == static_cast<std::size_t>(x[1]) &&
                          (w.input(1).shape.size() == 1 || !per_channel(w.input(1), w.input(0)).empty());
  if (!shared && !by_channel)
    throw UnsupportedError(
        "PReLU with a slope of shape " + to_string(w.input(1).shape) + " has no form in IR version 7",
        {"", "", "write version 11"});
  w.add("PReLU", {{"channel_shared", shared ? "1" : "0"}}, {&w.input(0)}, {{"weights", vector(slopes)}});
}

void hard_sigmoid(LegacyWriter& w) {
  w.add("HardSigmoid", {{"alpha", format_float(w.number(1))}, {"beta", format_float(w.number(2))}},
        {&w.input(0)});
}

void swish(LegacyWriter& w) {
  w.add("Swish", {{"beta", format_float(w.input_count() > 1 ? w.number(1) : 1.0F)}}, {&w.input(0)});
}

void selu(LegacyWriter& w) {
  w.add("Selu", {{"alpha", format_float(w.number(1))}, {"gamma", format_float(w.number(2))}}, {&w.input(0)});
}

void gelu(LegacyWriter& w) {
  if (w.text("approximation_mode", "erf") != "erf")
    throw UnsupportedError("Gelu by tanh has no form in IR version 7", {"", "", "write version 11"});
  plain(w, "Gelu");
}

void convert(LegacyWriter& w) {
  const std::string precision = w.output().precision == "I64" ? "I32" : w.output().precision;
  w.add("Convert", {{"precision", precision}}, {&w.input(0)});
}

void fake_quantize(LegacyWriter& w) {
  std::vector<LegacyValue*> inputs;
  for (std::size_t i = 0; i < w.input_count(); ++i) inputs.push_back(&w.input(i));
  w.add("FakeQuantize", {{"levels", w.text("levels")}}, inputs);
}

constexpr LegacySpelling kSpellings[] = {
    {"add", add},
    {"multiply", multiply},
    {"subtract", subtract},
    {"divide", divide},
    {"maximum", [](LegacyWriter& w) { eltwise(w, "max"); }},
    {"minimum", [](LegacyWriter& w) { eltwise(w, "min"); }},
    {"squareddifference", [](LegacyWriter& w) { eltwise(w, "squared_diff"); }},
    {"floormod", [](LegacyWriter& w) { eltwise(w, "floor_mod"); }},
    {"equal", [](LegacyWriter& w) { eltwise(w, "equal"); }},
    {"notequal", [](LegacyWriter& w) { eltwise(w, "not_equal"); }},
    {"less", [](LegacyWriter& w) { eltwise(w, "less"); }},
    {"lessequal", [](LegacyWriter& w) { eltwise(w, "less_equal"); }},
    {"greater", [](LegacyWriter& w) { eltwise(w, "greater"); }},
    {"greaterequal", [](LegacyWriter& w) { eltwise(w, "greater_equal"); }},
    {"logicaland", [](LegacyWriter& w) { eltwise(w, "logical_and"); }},
    {"logicalor", [](LegacyWriter& w) { eltwise(w, "logical_or"); }},
    {"logicalxor", [](LegacyWriter& w) { eltwise(w, "logical_xor"); }},
    {"power", power},
    {"relu", [](LegacyWriter& w) { plain(w, "ReLU"); }},
    {"prelu", prelu},
    {"elu", [](LegacyWriter& w) { same(w, "ELU"); }},
    {"clamp", [](LegacyWriter& w) { same(w, "Clamp"); }},
    {"sigmoid", [](LegacyWriter& w) { plain(w, "Sigmoid"); }},
    {"tanh", [](LegacyWriter& w) { plain(w, "TanH"); }},
    {"exp", [](LegacyWriter& w) { plain(w, "Exp"); }},
    {"log", [](LegacyWriter& w) { plain(w, "Log"); }},
    {"sqrt", [](LegacyWriter& w) { plain(w, "Sqrt"); }},
    {"abs", [](LegacyWriter& w) { plain(w, "Abs"); }},
    {"negative", [](LegacyWriter& w) { plain(w, "Neg"); }},
    {"erf", [](LegacyWriter& w) { plain(w, "Erf"); }},
    {"floor", [](LegacyWriter& w) { plain(w, "Floor"); }},
    {"ceiling", [](LegacyWriter& w) { plain(w, "Ceil"); }},
    {"sign", [](LegacyWriter& w) { plain(w, "Sign"); }},
    {"sin", [](LegacyWriter& w) { plain(w, "Sin"); }},
    {"cos", [](LegacyWriter& w) { plain(w, "Cos"); }},
    {"tan", [](LegacyWriter& w) { plain(w, "Tan"); }},
    {"asin", [](LegacyWriter& w) { plain(w, "Asin"); }},
    {"acos", [](LegacyWriter& w) { plain(w, "Acos"); }},
    {"atan", [](LegacyWriter& w) { plain(w, "Atan"); }},
    {"sinh", [](LegacyWriter& w) { plain(w, "Sinh"); }},
    {"cosh", [](LegacyWriter& w) { plain(w, "Cosh"); }},
    {"asinh", [](LegacyWriter& w) { plain(w, "Asinh"); }},
    {"acosh", [](LegacyWriter& w) { plain(w, "Acosh"); }},
    {"atanh", [](LegacyWriter& w) { plain(w, "Atanh"); }},
    {"softplus", [](LegacyWriter& w) { plain(w, "SoftPlus"); }},
    {"softsign", [](LegacyWriter& w) { plain(w, "SoftSign"); }},
    {"mish", [](LegacyWriter& w) { plain(w, "Mish"); }},
    {"hswish", [](LegacyWriter& w) { plain(w, "HSwish"); }},
    {"hsigmoid", [](LegacyWriter& w) { plain(w, "HSigmoid"); }},
    {"logicalnot", [](LegacyWriter& w) { plain(w, "Not"); }},
    {"hardsigmoid", hard_sigmoid},
    {"gelu", gelu},
    {"swish", swish},
    {"selu", selu},
    {"convert", convert},
    {"fakequantize", fake_quantize},
};

}  // namespace

std::span<const LegacySpelling> elementwise_spellings() noexcept {
  return kSpellings;
}

}  // namespace refcalib::engine::ir
