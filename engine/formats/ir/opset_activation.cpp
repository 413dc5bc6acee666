#include <array>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/ops/eltwise.h"

namespace refcalib::engine::ir {
namespace {

void read_clamp(LayerReader& reader) {
  const double low = reader.real("min");
  const double high = reader.real("max");
  if (!(low <= high)) throw FormatError("the lower limit exceeds the upper one");
  add_activation(reader, "clamp", low, high);
}

double scalar(const LayerReader& reader, std::size_t rank) {
  const std::vector<float> values = reader.constant(rank).to_floats();
  if (values.size() != 1)
    throw UnsupportedError("input " + std::to_string(rank) + " must be a single number");
  return static_cast<double>(values.front());
}

/// The factor of a swish is a constant as a rule.
void read_swish(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  if (reader.input_count() < 2) return add_activation(reader, "swish", 1.0);
  if (reader.is_constant(1)) return add_activation(reader, "swish", scalar(reader, 1));
  const ValueId x = reader.input(0);
  const ValueId scaled =
      reader.helper("Eltwise", "scaled", EltwiseAttributes{"mul", {}}, {x, reader.input(1)});
  const ValueId gate = reader.helper("Activation", "gate", ActivationAttributes{"sigmoid"}, {scaled});
  reader.add("Eltwise", EltwiseAttributes{"mul", {}}, {x, gate});
}

void read_round(LayerReader& reader) {
  const std::string mode = reader.word("mode", "half_to_even");
  if (mode != "half_to_even" && mode != "half_away_from_zero")
    throw FormatError("attribute 'mode' \"" + mode + "\" is not half_to_even or half_away_from_zero");
  add_activation(reader, mode == "half_to_even" ? "round" : "round_away");
}

/// Of booleans the opposite.
void read_bitwise_not(LayerReader& reader) {
  const DType type = reader.builder().graph().value(reader.input(0)).dtype;
  if (is_float(type)) throw FormatError("the input is not of integers");
  add_activation(reader, type == DType::boolean ? "logical_not" : "bitwise_not");
}

void read_gelu(LayerReader& reader) {
  add_activation(reader, reader.word("approximation_mode", "erf") == "tanh" ? "gelu_tanh" : "gelu");
}

constexpr std::array<OpsetLayer, 46> kLayers = {{
    {"relu", 1, kNewest, [](LayerReader& r) { add_activation(r, "relu"); }},
    {"clamp", 1, kNewest, read_clamp},
    {"prelu", 1, kNewest, add_general_prelu},
    {"elu", 1, kNewest, [](LayerReader& r) { add_activation(r, "elu", r.real("alpha")); }},
    {"sigmoid", 1, kNewest, [](LayerReader& r) { add_activation(r, "sigmoid"); }},
    {"tanh", 1, kNewest, [](LayerReader& r) { add_activation(r, "tanh"); }},
    {"exp", 1, kNewest, [](LayerReader& r) { add_activation(r, "exp"); }},
    {"log", 1, kNewest, [](LayerReader& r) { add_activation(r, "log"); }},
    {"sqrt", 1, kNewest, [](LayerReader& r) { add_activation(r, "sqrt"); }},
    {"abs", 1, kNewest, [](LayerReader& r) { add_activation(r, "abs"); }},
    {"negative", 1, kNewest, [](LayerReader& r) { add_activation(r, "neg"); }},
    {"erf", 1, kNewest, [](LayerReader& r) { add_activation(r, "erf"); }},
    {"floor", 1, kNewest, [](LayerReader& r) { add_activation(r, "floor"); }},
    {"ceiling", 1, kNewest, [](LayerReader& r) { add_activation(r, "ceil"); }},
    {"hardsigmoid", 1, kNewest,
     [](LayerReader& r) { add_activation(r, "hard_sigmoid", scalar(r, 1), scalar(r, 2)); }},
    {"gelu", 2, 6, [](LayerReader& r) { add_activation(r, "gelu"); }},
    {"gelu", 7, kNewest, read_gelu},
    {"hswish", 4, kNewest, [](LayerReader& r) { add_activation(r, "hswish"); }},
    {"swish", 4, kNewest, read_swish},
    {"mish", 4, kNewest, [](LayerReader& r) { add_activation(r, "mish"); }},
    {"softplus", 4, kNewest, [](LayerReader& r) { add_activation(r, "softplus"); }},
    {"hsigmoid", 5, kNewest, [](LayerReader& r) { add_activation(r, "hsigmoid"); }},
    {"sin", 1, kNewest, [](LayerReader& r) { add_activation(r, "sin"); }},
    {"cos", 1, kNewest, [](LayerReader& r) { add_activation(r, "cos"); }},
    {"tan", 1, kNewest, [](LayerReader& r) { add_activation(r, "tan"); }},
    {"asin", 1, kNewest, [](LayerReader& r) { add_activation(r, "asin"); }},
    {"acos", 1, kNewest, [](LayerReader& r) { add_activation(r, "acos"); }},
    {"atan", 1, kNewest, [](LayerReader& r) { add_activation(r, "atan"); }},
    {"sinh", 1, kNewest, [](LayerReader& r) { add_activation(r, "sinh"); }},
    {"cosh", 1, kNewest, [](LayerReader& r) { add_activation(r, "cosh"); }},
    {"asinh", 3, kNewest, [](LayerReader& r) { add_activation(r, "asinh"); }},
    {"acosh", 3, kNewest, [](LayerReader& r) { add_activation(r, "acosh"); }},
    {"atanh", 3, kNewest, [](LayerReader& r) { add_activation(r, "atanh"); }},
    {"sign", 1, kNewest, [](LayerReader& r) { add_activation(r, "sign"); }},
    {"softsign", 9, kNewest, [](LayerReader& r) { add_activation(r, "softsign"); }},
    {"logicalnot", 1, kNewest, [](LayerReader& r) { add_activation(r, "logical_not"); }},
    {"isnan", 10, kNewest, [](LayerReader& r) { add_activation(r, "is_nan"); }},
    {"isfinite", 10, kNewest, [](LayerReader& r) { add_activation(r, "is_finite"); }},
    {"bitwisenot", 13, kNewest, read_bitwise_not},
    {"isinf", 10, kNewest,
     [](LayerReader& r) {
       add_activation(r, "is_inf", r.boolean("detect_negative", true), r.boolean("detect_positive", true));
     }},
    {"round", 5, kNewest, read_round},
    {"selu", 1, kNewest, [](LayerReader& r) { add_activation(r, "selu", scalar(r, 1), scalar(r, 2)); }},
    {"softmax", 1, kNewest, [](LayerReader& r) { add_softmax(r, r.integer("axis", 1), false); }},
    {"logsoftmax", 5, kNewest, [](LayerReader& r) { add_softmax(r, r.integer("axis", 1), true); }},
    {"fakequantize", 1, kNewest, add_fake_quantize},
    {"identity", 16, kNewest, add_identity},
}};

}  // namespace

std::span<const OpsetLayer> opset_activation_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
