#include <algorithm>
#include <array>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/ops/activation.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

/// Operand `rank` by the rule of `auto_broadcast` for an operation whose operand `data` gives the shape: `pdpd` aligns
/// it at dimension `axis`, `none` asks for equal shapes.
ValueId broadcast_operand(LayerReader& reader, std::size_t rank, std::size_t data) {
  const std::string rule = reader.word("auto_broadcast", "numpy");
  const Shape &shape = reader.shape(rank), &whole = reader.shape(data);
  if (shape == whole || rule == "numpy") return reader.input(rank);
  if (rule == "none" || rule == "explicit")
    throw FormatError("inputs of shape " + to_string(whole) + " and " + to_string(shape) +
                      " differ although auto_broadcast is '" + rule + "'");
  if (rule != "pdpd")
    throw FormatError("attribute 'auto_broadcast' \"" + rule + "\" is not numpy, pdpd or none");
  Shape trimmed = shape;
  while (!trimmed.empty() && trimmed.back() == 1) trimmed.pop_back();
  std::int64_t axis = reader.integer("axis", -1);
  if (axis == -1) axis = static_cast<std::int64_t>(whole.size()) - static_cast<std::int64_t>(shape.size());
  if (axis < 0 || axis > static_cast<std::int64_t>(whole.size()) - static_cast<std::int64_t>(trimmed.size()))
    throw FormatError("a value of shape " + to_string(shape) + " cannot be aligned at dimension " +
                      std::to_string(axis) + " of " + to_string(whole));
  Shape target(whole.size(), 1);
  std::copy(trimmed.begin(), trimmed.end(), target.begin() + axis);
  return reader.reshaped(reader.input(rank), "operand_" + std::to_string(rank), std::move(target));
}

/// x^k as products, a root or a quotient, where k is one of the exponents that models use.
bool add_known_power(LayerReader& reader) {
  if (!reader.is_constant(1) || reader.constant(1).count() != 1) return false;
  const ValueId x = reader.input(0);
  const Value& data = reader.builder().graph().value(x);
  if (data.dtype != DType::f32 || data.constant || reader.shape(1).size() > data.shape.size()) return false;
  const float k = reader.constant(1).to_floats().front();
  const auto times = [&](ValueId y) { reader.add("Eltwise", EltwiseAttributes{"mul", {}}, {y, x}); };
  if (k == 0.5f) {
    add_activation(reader, "sqrt");
  } else if (k == 2.0f) {
    times(x);
  } else if (k == 3.0f) {
    times(reader.helper("Eltwise", "square", EltwiseAttributes{"mul", {}}, {x, x}));
  } else if (k == -1.0f) {
    add_activation(reader, "reciprocal");
  } else {
    return false;
  }
  return true;
}

void eltwise(LayerReader& reader, const char* operation) {
  reader.expect_inputs(2, 2);
  for (std::size_t rank = 0; rank < 2; ++rank)
    if (reader.is_constant(rank)) check_finite(reader.constant(rank), "constant operand");
  if (std::string_view(operation) == "pow" && add_known_power(reader)) return;
  add_eltwise(reader, operation, {reader.input(0), broadcast_operand(reader, 1, 0)});
}

/// Of integers rounded down unless the layer says otherwise.
void read_divide(LayerReader& reader) {
  const bool floor = reader.boolean(reader.has("pythondiv") ? "pythondiv" : "m_pythondiv", true);
  eltwise(reader, floor ? "div" : "div_truncated");
}

/// Bits of booleans are truth values.
void bitwise(LayerReader& reader, const char* of_integers, const char* of_booleans) {
  const Value& value = reader.builder().graph().value(reader.input(0));
  const DType type = value.constant ? value.constant.dtype() : value.dtype;
  if (is_float(type)) throw FormatError("the inputs are not of integers");
  eltwise(reader, type == DType::boolean ? of_booleans : of_integers);
}

/// y = (f8(x * scale - shift) + shift) / scale
void read_fake_convert(LayerReader& reader) {
  reader.expect_inputs(2, 3);
  const std::string type = reader.word("destination_type", "f8e4m3");
  if (type != "f8e4m3" && type != "f8e5m2")
    throw FormatError("attribute 'destination_type' has the unknown value '" + type + "'");
  const auto step = [&](const char* operation, const char* suffix, ValueId a, std::size_t rank) {
    return reader.helper("Eltwise", suffix, EltwiseAttributes{operation, {}}, {a, reader.input(rank)});
  };
  const bool shifted = reader.input_count() > 2;
  ValueId x = step("mul", "scaled", reader.input(0), 1);
  if (shifted) x = step("sub", "shifted", x, 2);
  x = reader.helper("Activation", type, ActivationAttributes{type, 0, 0}, {x});
  if (shifted) x = step("add", "restored", x, 2);
  reader.add("Eltwise", EltwiseAttributes{"div", {}}, {x, reader.input(1)});
}

void read_select(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  const ValueId condition = broadcast_operand(reader, 0, 1), other = broadcast_operand(reader, 2, 1);
  reader.add("Select", NoAttributes{}, {condition, reader.input(1), other});
}

/// Constants that are computed at run time: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta.
void add_computed_batch_norm(LayerReader& reader, std::size_t data, std::size_t gamma, double epsilon) {
  const Shape& shape = reader.shape(data);
  if (shape.size() < 2) throw FormatError("the input has no channels");
  Shape channels(shape.size(), 1);
  channels[1] = shape[1];
  const auto parameter = [&](std::size_t rank, const char* suffix) {
    return reader.reshaped(reader.input(rank), suffix, channels);
  };
  const auto step = [&](const char* operation, const char* suffix, ValueId a, ValueId b) {
    return reader.helper("Eltwise", suffix, EltwiseAttributes{operation, {}}, {a, b});
  };
  const ValueId eps = reader.constant_value("epsilon", Constant::f32({1}, {static_cast<float>(epsilon)}));
  const ValueId sum = step("add", "variance_epsilon", parameter(4, "variance"), eps);
  const ValueId deviation = reader.helper("Activation", "deviation", ActivationAttributes{"sqrt"}, {sum});
  const ValueId centred = step("sub", "centred", reader.input(data), parameter(3, "mean"));
  const ValueId scaled =
      step("mul", "scaled", step("div", "normalized", centred, deviation), parameter(gamma, "gamma"));
  reader.add("Eltwise", EltwiseAttributes{"add", {}}, {scaled, parameter(gamma + 1, "beta")});
}

/// Version 5 orders its inputs data, gamma, beta, mean, variance; version 1 has the data in the third place,
/// where some writers put it first: the data is what has more than one dimension.
void batch_norm(LayerReader& reader, bool version1) {
  reader.expect_inputs(5, 5);
  const bool data_third = version1 && reader.shape(0).size() == 1;
  const std::size_t data = data_third ? 2 : 0;
  const std::size_t gamma = data_third ? 0 : 1;
  for (const std::size_t rank : {gamma, gamma + 1, std::size_t{3}, std::size_t{4}})
    if (!reader.is_constant(rank))
      return add_computed_batch_norm(reader, data, gamma, reader.real("epsilon"));
  add_batch_norm(reader, reader.input(data), reader.constant(3).to_floats(), reader.constant(4).to_floats(),
                 reader.constant(gamma).to_floats(), reader.constant(gamma + 1).to_floats(),
                 reader.real("epsilon"));
}

constexpr std::array<OpsetLayer, 26> kLayers = {{
    {"add", 1, kNewest, [](LayerReader& r) { eltwise(r, "add"); }},
    {"subtract", 1, kNewest, [](LayerReader& r) { eltwise(r, "sub"); }},
    {"multiply", 1, kNewest, [](LayerReader& r) { eltwise(r, "mul"); }},
    {"divide", 1, kNewest, read_divide},
    {"maximum", 1, kNewest, [](LayerReader& r) { eltwise(r, "max"); }},
    {"minimum", 1, kNewest, [](LayerReader& r) { eltwise(r, "min"); }},
    {"power", 1, kNewest, [](LayerReader& r) { eltwise(r, "pow"); }},
    {"squareddifference", 1, kNewest, [](LayerReader& r) { eltwise(r, "squared_difference"); }},
    {"mod", 1, kNewest, [](LayerReader& r) { eltwise(r, "mod"); }},
    {"floormod", 1, kNewest, [](LayerReader& r) { eltwise(r, "floor_mod"); }},
    {"equal", 1, kNewest, [](LayerReader& r) { eltwise(r, "equal"); }},
    {"notequal", 1, kNewest, [](LayerReader& r) { eltwise(r, "not_equal"); }},
    {"less", 1, kNewest, [](LayerReader& r) { eltwise(r, "less"); }},
    {"lessequal", 1, kNewest, [](LayerReader& r) { eltwise(r, "less_equal"); }},
    {"greater", 1, kNewest, [](LayerReader& r) { eltwise(r, "greater"); }},
    {"greaterequal", 1, kNewest, [](LayerReader& r) { eltwise(r, "greater_equal"); }},
    {"logicaland", 1, kNewest, [](LayerReader& r) { eltwise(r, "logical_and"); }},
    {"logicalor", 1, kNewest, [](LayerReader& r) { eltwise(r, "logical_or"); }},
    {"logicalxor", 1, kNewest, [](LayerReader& r) { eltwise(r, "logical_xor"); }},
    {"bitwiseand", 13, kNewest, [](LayerReader& r) { bitwise(r, "bitwise_and", "logical_and"); }},
    {"bitwiseor", 13, kNewest, [](LayerReader& r) { bitwise(r, "bitwise_or", "logical_or"); }},
    {"bitwisexor", 13, kNewest, [](LayerReader& r) { bitwise(r, "bitwise_xor", "logical_xor"); }},
    {"fakeconvert", 13, kNewest, read_fake_convert},
    {"select", 1, kNewest, read_select},
    {"batchnorminference", 1, 4, [](LayerReader& r) { batch_norm(r, true); }},
    {"batchnorminference", 5, kNewest, [](LayerReader& r) { batch_norm(r, false); }},
}};

}  // namespace

std::span<const OpsetLayer> opset_eltwise_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
