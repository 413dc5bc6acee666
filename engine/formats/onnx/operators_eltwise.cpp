#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

void two(NodeReader& reader, std::string_view type, int opset = 1, ir::AttributeTexts attributes = {}) {
  reader.expect_inputs(2, 2);
  reader.add({type, opset}, std::move(attributes), {reader.input(0), reader.input(1)});
}

/// Any number of operands, from left to right; `share` of the sum for a mean.
void variadic(NodeReader& reader, std::string_view type, bool mean = false) {
  const std::vector<ValueId> operands = reader.inputs();
  if (operands.empty()) throw FormatError("the node has no inputs");
  if (operands.size() == 1) return reader.add_reshape(operands.front(), reader.shape(0));
  ValueId left = operands.front();
  for (std::size_t i = 1; i + 1 < operands.size(); ++i)
    left = reader.helper({type, 1}, std::to_string(i), {}, {left, operands[i]});
  if (!mean) {
    reader.add({type, 1}, {}, {left, operands.back()});
    return;
  }
  const ValueId sum = reader.helper({type, 1}, "sum", {}, {left, operands.back()});
  reader.add({"Divide", 1}, {}, {sum, reader.f32("count", static_cast<float>(operands.size()))});
}

/// Quotients of integers drop their fraction.
void read_div(NodeReader& reader) {
  const bool integers = !is_float(reader.dtype(0));
  two(reader, "Divide", 1, integers ? ir::AttributeTexts{{"m_pythondiv", "false"}} : ir::AttributeTexts{});
}

/// The sign of the divisor, or with `fmod` that of the dividend.
void read_mod(NodeReader& reader) {
  two(reader, reader.integer("fmod", 0) != 0 ? "Mod" : "FloorMod");
}

void read_where(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  reader.add({"Select", 1}, {}, {reader.input(0), reader.input(1), reader.input(2)});
}

constexpr Operator kOperators[] = {
    {"Add", 7, kNewest, [](NodeReader& r) { two(r, "Add"); }},
    {"Sub", 7, kNewest, [](NodeReader& r) { two(r, "Subtract"); }},
    {"Mul", 7, kNewest, [](NodeReader& r) { two(r, "Multiply"); }},
    {"Div", 7, kNewest, read_div},
    {"Pow", 7, kNewest, [](NodeReader& r) { two(r, "Power"); }},
    {"Mod", 10, kNewest, read_mod},
    {"Max", 1, kNewest, [](NodeReader& r) { variadic(r, "Maximum"); }},
    {"Min", 1, kNewest, [](NodeReader& r) { variadic(r, "Minimum"); }},
    {"Sum", 1, kNewest, [](NodeReader& r) { variadic(r, "Add"); }},
    {"Mean", 1, kNewest, [](NodeReader& r) { variadic(r, "Add", true); }},
    {"Equal", 7, kNewest, [](NodeReader& r) { two(r, "Equal"); }},
    {"Less", 7, kNewest, [](NodeReader& r) { two(r, "Less"); }},
    {"LessOrEqual", 12, kNewest, [](NodeReader& r) { two(r, "LessEqual"); }},
    {"Greater", 7, kNewest, [](NodeReader& r) { two(r, "Greater"); }},
    {"GreaterOrEqual", 12, kNewest, [](NodeReader& r) { two(r, "GreaterEqual"); }},
    {"And", 7, kNewest, [](NodeReader& r) { two(r, "LogicalAnd"); }},
    {"Or", 7, kNewest, [](NodeReader& r) { two(r, "LogicalOr"); }},
    {"Xor", 7, kNewest, [](NodeReader& r) { two(r, "LogicalXor"); }},
    {"BitwiseAnd", 18, kNewest, [](NodeReader& r) { two(r, "BitwiseAnd", 13); }},
    {"BitwiseOr", 18, kNewest, [](NodeReader& r) { two(r, "BitwiseOr", 13); }},
    {"BitwiseXor", 18, kNewest, [](NodeReader& r) { two(r, "BitwiseXor", 13); }},
    {"BitwiseNot", 18, kNewest,
     [](NodeReader& r) {
       r.add({"BitwiseNot", 13}, {}, {r.input(0)});
     }},
    {"Where", 9, kNewest, read_where},
};

}  // namespace

std::span<const Operator> eltwise_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
