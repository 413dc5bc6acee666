#include <algorithm>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"
#include "engine/formats/onnx/quantization.h"
#include "engine/formats/onnx/weighted.h"

namespace refcalib::engine::onnx {
namespace {

/// A quantized operand: input `rank` with its scale and zero point behind it.
ValueId operand(NodeReader& reader, std::size_t rank, std::string_view suffix, std::int64_t axis = 0) {
  return dequantized(reader, rank, quantization_of(reader, rank + 1, rank + 2, axis, DType::u8), suffix);
}

/// What a computation gives, rounded to the output's integers.
void finish(NodeReader& reader, ValueId result, std::size_t scale) {
  set_quantized(reader, result, quantization_of(reader, scale, scale + 1, 0, DType::u8));
}

/// A bias of i32, whose scale is that of the products.
ValueId bias_of(NodeReader& reader, std::size_t rank, std::size_t input_scale, std::size_t weight_scale) {
  if (!reader.has_input(rank)) return kNone;
  const double scale = reader.scalar(input_scale);
  const std::vector<float> weights = reader.constant(weight_scale).to_floats();
  const std::vector<std::int64_t> bias = reader.ints(rank);
  if (weights.size() != 1 && weights.size() != bias.size())
    throw FormatError("the bias has " + std::to_string(bias.size()) + " values for " +
                      std::to_string(weights.size()) + " scales");
  std::vector<float> values;
  for (std::size_t c = 0; c < bias.size(); ++c)
    values.push_back(static_cast<float>(static_cast<double>(bias[c]) * scale *
                                        static_cast<double>(weights[weights.size() == 1 ? 0 : c])));
  return reader.constant_value("bias",
                               Constant::f32({static_cast<std::int64_t>(bias.size())}, std::move(values)));
}

void read_conv(NodeReader& reader) {
  reader.expect_inputs(8, 9);
  const ValueId x = operand(reader, 0, "x"), weights = operand(reader, 3, "weights");
  finish(reader, convolution(reader, x, weights, bias_of(reader, 8, 1, 4), false), 6);
}

/// The scales of a matrix belong to its columns.
void read_matmul(NodeReader& reader) {
  reader.expect_inputs(8, 8);
  const auto last = static_cast<std::int64_t>(reader.shape(3).size()) - 1;
  const ValueId a = operand(reader, 0, "a"), b = operand(reader, 3, "b", last);
  finish(reader, product(reader, a, b, false, false, false), 6);
}

void read_gemm(NodeReader& reader) {
  reader.expect_inputs(6, 9);
  const bool transposed = reader.integer("transB", 0) != 0;
  const auto alpha = static_cast<float>(reader.real("alpha", 1));
  if (alpha != 1) throw UnsupportedError("attribute 'alpha' other than 1 is not supported");
  const ValueId a = operand(reader, 0, "a"), b = operand(reader, 3, "b", transposed ? 0 : 1);
  ValueId result = product(reader, a, b, reader.integer("transA", 0) != 0, transposed, false);
  if (const ValueId bias = bias_of(reader, 6, 1, 4); bias != kNone)
    result = reader.helper({"Add", 1}, "sum", {}, {result, bias});
  if (!reader.has_input(7)) return reader.set_output(result);
  finish(reader, result, 7);
}

void two(NodeReader& reader, std::string_view type) {
  reader.expect_inputs(8, 8);
  const ValueId a = operand(reader, 0, "a"), b = operand(reader, 3, "b");
  finish(reader, reader.helper({type, 1}, "result", {}, {a, b}), 6);
}

void read_concat(NodeReader& reader) {
  if (reader.input_count() < 5 || reader.input_count() % 3 != 2)
    throw FormatError("the node has " + std::to_string(reader.input_count()) + " inputs");
  std::vector<ValueId> parts;
  for (std::size_t rank = 2; rank < reader.input_count(); rank += 3)
    parts.push_back(operand(reader, rank, "part_" + std::to_string(rank / 3)));
  const ir::AttributeTexts texts{{"axis", std::to_string(reader.integer("axis"))}};
  finish(reader, reader.helper({"Concat", 1}, "result", texts, std::move(parts)), 0);
}

void check_channels_first(const NodeReader& reader) {
  if (reader.integer("channels_last", 0) != 0)
    throw UnsupportedError("channels in the last dimension (attribute 'channels_last') are not supported");
}

void read_global_average(NodeReader& reader) {
  reader.expect_inputs(5, 5);
  check_channels_first(reader);
  std::vector<std::int64_t> axes;
  for (std::size_t d = 2; d < reader.shape(0).size(); ++d) axes.push_back(static_cast<std::int64_t>(d));
  const ValueId x = operand(reader, 0, "x");
  finish(reader,
         reader.helper({"ReduceMean", 1}, "result", {{"keep_dims", "true"}},
                       {x, reader.i64("axes", std::move(axes))}),
         3);
}

void read_average_pool(NodeReader& reader) {
  reader.expect_inputs(5, 5);
  check_channels_first(reader);
  ir::AttributeTexts texts = window_texts(reader, reader.spatial_rank(), false);
  texts.emplace_back("kernel", ir::format_integers(reader.integers("kernel_shape")));
  texts.emplace_back("rounding_type", reader.integer("ceil_mode", 0) != 0 ? "ceil_torch" : "floor");
  texts.emplace_back("exclude-pad", reader.integer("count_include_pad", 0) != 0 ? "false" : "true");
  finish(reader, reader.helper({"AvgPool", 1}, "result", std::move(texts), {operand(reader, 0, "x")}), 3);
}

void read_leaky_relu(NodeReader& reader) {
  reader.expect_inputs(5, 5);
  const auto alpha = static_cast<float>(reader.real("alpha", 0.01));
  const ValueId slope = reader.constant_value("slope", Constant::f32({1}, {alpha}));
  finish(reader, reader.helper({"PRelu", 1}, "result", {}, {operand(reader, 0, "x"), slope}), 3);
}

void read_sigmoid(NodeReader& reader) {
  reader.expect_inputs(5, 5);
  finish(reader, reader.helper({"Sigmoid", 1}, "result", {}, {operand(reader, 0, "x")}), 3);
}

constexpr Operator kOperators[] = {
    {"QLinearConv", 10, kNewest, read_conv, OnIntegers::read},
    {"QLinearMatMul", 10, kNewest, read_matmul, OnIntegers::read},
    {"QGemm", 1, kNewest, read_gemm, OnIntegers::read, kRuntimeDomain},
    {"QLinearAdd", 1, kNewest, [](NodeReader& r) { two(r, "Add"); }, OnIntegers::read, kRuntimeDomain},
    {"QLinearMul", 1, kNewest, [](NodeReader& r) { two(r, "Multiply"); }, OnIntegers::read, kRuntimeDomain},
    {"QLinearConcat", 1, kNewest, read_concat, OnIntegers::read, kRuntimeDomain},
    {"QLinearGlobalAveragePool", 1, kNewest, read_global_average, OnIntegers::read, kRuntimeDomain},
    {"QLinearAveragePool", 1, kNewest, read_average_pool, OnIntegers::read, kRuntimeDomain},
    {"QLinearLeakyRelu", 1, kNewest, read_leaky_relu, OnIntegers::read, kRuntimeDomain},
    {"QLinearSigmoid", 1, kNewest, read_sigmoid, OnIntegers::read, kRuntimeDomain},
};

}  // namespace

std::span<const Operator> qlinear_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
