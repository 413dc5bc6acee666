#include <array>
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

using ir::format_float;

std::string number(double value) {
  return format_float(static_cast<float>(value));
}

void simple(NodeReader& reader, std::string_view type, int opset = 1) {
  reader.expect_inputs(1, 1);
  reader.add({type, opset}, {}, {reader.input(0)});
}

/// Limits that leave one side open, or that are computed, or of integers.
void add_open_clip(NodeReader& reader, ValueId low, ValueId high) {
  const ValueId x = reader.input(0);
  if (low == kNone && high == kNone) return reader.add_reshape(x, reader.shape(0));
  if (high == kNone) {
    reader.add({"Maximum", 1}, {}, {x, low});
  } else if (low == kNone) {
    reader.add({"Minimum", 1}, {}, {x, high});
  } else {
    reader.add({"Minimum", 1}, {}, {reader.helper({"Maximum", 1}, "low", {}, {x, low}), high});
  }
}

/// Known limits of floats are a Clamp, or a ReLU.
void add_clip(NodeReader& reader, double low, double high) {
  if (!(low <= high)) throw FormatError("the lower limit " + number(low) + " exceeds the upper one");
  constexpr double most = std::numeric_limits<float>::max();
  if (low == 0 && high >= most) {
    reader.add({"ReLU", 1}, {}, {reader.input(0)});
  } else if (low > -most || high < most) {
    reader.add({"Clamp", 1}, {{"min", number(std::max(low, -most))}, {"max", number(std::min(high, most))}},
               {reader.input(0)});
  } else {
    reader.add_reshape(reader.input(0), reader.shape(0));
  }
}

void read_clip_attributes(NodeReader& reader) {
  constexpr double most = std::numeric_limits<float>::max();
  reader.expect_inputs(1, 1);
  add_clip(reader, reader.real("min", -most), reader.real("max", most));
}

void read_clip_inputs(NodeReader& reader) {
  constexpr double most = std::numeric_limits<float>::max();
  reader.expect_inputs(1, 3);
  const bool known =
      (!reader.has_input(1) || reader.is_constant(1)) && (!reader.has_input(2) || reader.is_constant(2));
  if (known && is_float(reader.dtype(0)))
    return add_clip(reader, reader.has_input(1) ? reader.scalar(1) : -most,
                    reader.has_input(2) ? reader.scalar(2) : most);
  add_open_clip(reader, reader.has_input(1) ? reader.input(1) : kNone,
                reader.has_input(2) ? reader.input(2) : kNone);
}

void read_leaky_relu(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const auto alpha = static_cast<float>(reader.real("alpha", 0.01));
  const ValueId slope = reader.constant_value("slope", Constant::f32({1}, {alpha}));
  reader.add({"PRelu", 1}, {}, {reader.input(0), slope});
}

/// The slope is aligned at the last dimension, also a vector.
void read_prelu(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  Shape slope = reader.shape(1);
  const std::size_t rank = reader.shape(0).size();
  if (slope.size() > rank)
    throw FormatError("the slope has the shape " + to_string(slope) + " for an input of shape " +
                      to_string(reader.shape(0)));
  if (element_count(slope) == 1)
    slope = {1};
  else
    slope.insert(slope.begin(), rank - slope.size(), 1);
  reader.add({"PRelu", 1}, {}, {reader.input(0), reader.reshaped(reader.input(1), "slope", slope)});
}

void read_elu(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  reader.add({"Elu", 1}, {{"alpha", number(reader.real("alpha", 1))}}, {reader.input(0)});
}

/// alpha * elu(x / alpha)
void read_celu(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const auto alpha = static_cast<float>(reader.real("alpha", 1));
  if (alpha == 1) {
    reader.add({"Elu", 1}, {{"alpha", "1"}}, {reader.input(0)});
    return;
  }
  if (!(alpha != 0)) throw FormatError("attribute 'alpha' is 0");
  const ValueId scaled =
      reader.helper({"Divide", 1}, "scaled", {}, {reader.input(0), reader.f32("alpha", alpha)});
  // Below zero alpha * (exp(x / alpha) - 1), above zero x: the elu of the quotient, times alpha.
  const ValueId elu = reader.helper({"Elu", 1}, "elu", {{"alpha", "1"}}, {scaled});
  reader.add({"Multiply", 1}, {}, {elu, reader.f32("alpha", alpha)});
}

void two_constants(NodeReader& reader, std::string_view type, const char* first, double first_absent,
                   const char* second, double second_absent) {
  reader.expect_inputs(1, 1);
  const ValueId a = reader.f32(first, static_cast<float>(reader.real(first, first_absent)));
  const ValueId b = reader.f32(second, static_cast<float>(reader.real(second, second_absent)));
  reader.add({type, 1}, {}, {reader.input(0), a, b});
}

void read_gelu(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const std::string mode = reader.word("approximate", "none");
  if (mode != "none" && mode != "tanh")
    throw FormatError("attribute 'approximate' \"" + mode + "\" is neither none nor tanh");
  reader.add({"Gelu", 7}, {{"approximation_mode", mode == "tanh" ? "TANH" : "ERF"}}, {reader.input(0)});
}

/// x where it exceeds alpha, else 0.
void read_thresholded_relu(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const ValueId alpha = reader.f32("alpha", static_cast<float>(reader.real("alpha", 1)));
  const ValueId above = reader.helper({"Greater", 1}, "above", {}, {reader.input(0), alpha});
  reader.add({"Select", 1}, {}, {above, reader.input(0), reader.f32("zero", 0)});
}

void read_is_inf(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  reader.add({"IsInf", 10},
             {{"detect_negative", reader.integer("detect_negative", 1) != 0 ? "true" : "false"},
              {"detect_positive", reader.integer("detect_positive", 1) != 0 ? "true" : "false"}},
             {reader.input(0)});
}

/// Up to version 12 everything from the axis on is one vector.
void softmax_of_matrix(NodeReader& reader, std::string_view type, int opset) {
  reader.expect_inputs(1, 1);
  const Shape shape = reader.shape(0);
  const std::int64_t axis =
      NodeReader::axis(reader.integer("axis", 1), std::max<std::size_t>(shape.size(), 1));
  const auto at = shape.begin() + std::min<std::ptrdiff_t>(axis, static_cast<std::ptrdiff_t>(shape.size()));
  const std::int64_t columns = element_count(Shape(at, shape.end()));
  if (!shape.empty() && columns == *at) {
    reader.add({type, opset}, {{"axis", std::to_string(axis)}}, {reader.input(0)});
    return;
  }
  const std::int64_t rows = element_count(Shape(shape.begin(), at));
  const ValueId matrix = reader.reshaped(reader.input(0), "matrix", {rows, columns});
  reader.add_reshape(reader.helper({type, opset}, "rows", {{"axis", "1"}}, {matrix}), shape);
}

void softmax_of_axis(NodeReader& reader, std::string_view type, int opset) {
  reader.expect_inputs(1, 1);
  const std::int64_t axis = NodeReader::axis(reader.integer("axis", -1), reader.shape(0).size());
  reader.add({type, opset}, {{"axis", std::to_string(axis)}}, {reader.input(0)});
}

constexpr Operator kOperators[] = {
    {"Relu", 1, kNewest, [](NodeReader& r) { simple(r, "ReLU"); }},
    {"LeakyRelu", 1, kNewest, read_leaky_relu},
    {"PRelu", 7, kNewest, read_prelu},
    {"Clip", 1, 10, read_clip_attributes},
    {"Clip", 11, kNewest, read_clip_inputs},
    {"Elu", 1, kNewest, read_elu},
    {"Celu", 12, kNewest, read_celu},
    {"Selu", 1, kNewest,
     [](NodeReader& r) {
       two_constants(r, "Selu", "alpha", 1.67326319217681884765625, "gamma", 1.05070102214813232421875);
     }},
    {"HardSigmoid", 1, kNewest,
     [](NodeReader& r) { two_constants(r, "HardSigmoid", "alpha", 0.2, "beta", 0.5); }},
    {"HardSwish", 14, kNewest, [](NodeReader& r) { simple(r, "HSwish", 4); }},
    {"Mish", 18, kNewest, [](NodeReader& r) { simple(r, "Mish", 4); }},
    {"Gelu", 20, kNewest, read_gelu},
    {"Gelu", 1, kNewest, read_gelu, OnIntegers::refused, kRuntimeDomain},
    {"ThresholdedRelu", 10, kNewest, read_thresholded_relu},
    {"Sigmoid", 1, kNewest, [](NodeReader& r) { simple(r, "Sigmoid"); }},
    {"Tanh", 1, kNewest, [](NodeReader& r) { simple(r, "Tanh"); }},
    {"Softplus", 1, kNewest, [](NodeReader& r) { simple(r, "SoftPlus", 4); }},
    {"Softsign", 1, kNewest, [](NodeReader& r) { simple(r, "SoftSign", 9); }},
    {"Exp", 1, kNewest, [](NodeReader& r) { simple(r, "Exp"); }},
    {"Log", 1, kNewest, [](NodeReader& r) { simple(r, "Log"); }},
    {"Sqrt", 1, kNewest, [](NodeReader& r) { simple(r, "Sqrt"); }},
    {"Erf", 9, kNewest, [](NodeReader& r) { simple(r, "Erf"); }},
    {"Abs", 1, kNewest, [](NodeReader& r) { simple(r, "Abs"); }},
    {"Neg", 1, kNewest, [](NodeReader& r) { simple(r, "Negative"); }},
    {"Sign", 9, kNewest, [](NodeReader& r) { simple(r, "Sign"); }},
    {"Floor", 1, kNewest, [](NodeReader& r) { simple(r, "Floor"); }},
    {"Ceil", 1, kNewest, [](NodeReader& r) { simple(r, "Ceiling"); }},
    {"Round", 11, kNewest, [](NodeReader& r) { simple(r, "Round", 5); }},
    {"Sin", 7, kNewest, [](NodeReader& r) { simple(r, "Sin"); }},
    {"Cos", 7, kNewest, [](NodeReader& r) { simple(r, "Cos"); }},
    {"Tan", 7, kNewest, [](NodeReader& r) { simple(r, "Tan"); }},
    {"Asin", 7, kNewest, [](NodeReader& r) { simple(r, "Asin"); }},
    {"Acos", 7, kNewest, [](NodeReader& r) { simple(r, "Acos"); }},
    {"Atan", 7, kNewest, [](NodeReader& r) { simple(r, "Atan"); }},
    {"Sinh", 9, kNewest, [](NodeReader& r) { simple(r, "Sinh"); }},
    {"Cosh", 9, kNewest, [](NodeReader& r) { simple(r, "Cosh"); }},
    {"Asinh", 9, kNewest, [](NodeReader& r) { simple(r, "Asinh", 3); }},
    {"Acosh", 9, kNewest, [](NodeReader& r) { simple(r, "Acosh", 3); }},
    {"Atanh", 9, kNewest, [](NodeReader& r) { simple(r, "Atanh", 3); }},
    {"Reciprocal", 1, kNewest,
     [](NodeReader& r) {
       r.add({"Power", 1}, {}, {r.input(0), r.f32("exponent", -1)});
     }},
    {"Not", 1, kNewest, [](NodeReader& r) { simple(r, "LogicalNot"); }},
    {"IsNaN", 9, kNewest, [](NodeReader& r) { simple(r, "IsNaN", 10); }},
    {"IsInf", 10, kNewest, read_is_inf},
    {"Softmax", 1, 12, [](NodeReader& r) { softmax_of_matrix(r, "SoftMax", 1); }},
    {"Softmax", 13, kNewest, [](NodeReader& r) { softmax_of_axis(r, "SoftMax", 1); }},
    {"LogSoftmax", 1, 12, [](NodeReader& r) { softmax_of_matrix(r, "LogSoftmax", 5); }},
    {"LogSoftmax", 13, kNewest, [](NodeReader& r) { softmax_of_axis(r, "LogSoftmax", 5); }},
};

}  // namespace

std::span<const Operator> activation_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
