#include <algorithm>

#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"
#include "engine/formats/onnx/weighted.h"

namespace refcalib::engine::onnx {
namespace {

std::vector<std::int64_t> list_of(const NodeReader& reader, const char* key, std::size_t count,
                                  std::int64_t absent) {
  std::vector<std::int64_t> list = reader.integers(key);
  if (list.empty()) return std::vector<std::int64_t>(count, absent);
  if (list.size() != count)
    throw FormatError(std::string("attribute '") + key + "' has " + std::to_string(list.size()) +
                      " values, not " + std::to_string(count));
  return list;
}

std::string auto_pad(const NodeReader& reader) {
  std::string word = reader.word("auto_pad", "notset");
  if (word == "notset") word = "explicit";
  if (word != "explicit" && word != "same_upper" && word != "same_lower" && word != "valid")
    throw FormatError("attribute 'auto_pad' has the unknown value '" + word + "'");
  return word;
}

/// Weights [M, C / group, k…] as [group, M / group, C / group, k…].
ValueId grouped(NodeReader& reader, ValueId weights, std::int64_t group) {
  Shape shape = reader.builder().value(weights).shape;
  if (shape[0] % group != 0)
    throw FormatError("weights of shape " + to_string(shape) + " do not form " + std::to_string(group) +
                      " groups");
  shape.insert(shape.begin(), group);
  shape[1] /= group;
  return reader.reshaped(weights, "groups", std::move(shape));
}

void check_weights(const NodeReader& reader, const Shape& weights, std::size_t rank) {
  if (weights.size() != rank + 2)
    throw FormatError("the weights have the shape " + to_string(weights) + " for " + std::to_string(rank) +
                      " spatial dimensions");
  const std::vector<std::int64_t> kernel = reader.integers("kernel_shape");
  if (!kernel.empty() && !std::equal(kernel.begin(), kernel.end(), weights.begin() + 2, weights.end()))
    throw FormatError("attribute 'kernel_shape' is not that of the weights of shape " + to_string(weights));
}

std::int64_t group_of(const NodeReader& reader) {
  const std::int64_t group = reader.integer("group", 1);
  if (group < 1) throw FormatError("attribute 'group' is " + std::to_string(group));
  return group;
}

void read_conv(NodeReader& reader) {
  reader.expect_inputs(2, 3);
  reader.set_output(convolution(reader, reader.input(0), reader.input(1),
                                reader.has_input(2) ? reader.input(2) : kNone, true));
}

/// Pads of a transposed convolution, with output_shape and auto_pad resolved, and the end beyond what output_padding adds.
struct TransposedPads {
  std::vector<std::int64_t> begin, end;
};
TransposedPads transposed_pads(const NodeReader& reader, const Shape& weights, std::size_t rank) {
  const std::vector<std::int64_t> strides = list_of(reader, "strides", rank, 1),
                                  dilations = list_of(reader, "dilations", rank, 1),
                                  padding = list_of(reader, "output_padding", rank, 0),
                                  pads = list_of(reader, "pads", 2 * rank, 0);
  std::vector<std::int64_t> wanted = reader.integers("output_shape");
  if (wanted.size() > rank) wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(rank));
  const std::string mode = auto_pad(reader);
  const bool same = mode == "same_upper" || mode == "same_lower";
  TransposedPads result;
  for (std::size_t d = 0; d < rank; ++d) {
    constexpr std::int64_t most = std::int64_t{1} << 24;
    for (const std::int64_t v : {strides[d], dilations[d]})
      if (v < 1 || v > most) throw FormatError("strides or dilations are out of range");
    const std::int64_t in = reader.shape(0)[d + 2];
    const std::int64_t whole = strides[d] * (in - 1) + (weights[d + 2] - 1) * dilations[d] + 1 + padding[d];
    std::int64_t begin = mode == "explicit" ? pads[d] : 0, end = mode == "explicit" ? pads[rank + d] : 0;
    if (!wanted.empty() || same) {
      const std::int64_t out = wanted.empty() ? in * strides[d] : wanted.at(d);
      const std::int64_t total = whole - out, half = total / 2;
      begin = mode == "same_upper" ? half : total - half;
      end = total - begin;
    }
    result.begin.push_back(begin);
    result.end.push_back(end - padding[d]);
  }
  return result;
}

/// Weights [C, M / group, k…].
void read_conv_transpose(NodeReader& reader) {
  reader.expect_inputs(2, 3);
  const std::size_t rank = reader.spatial_rank();
  const Shape weights = reader.shape(1);
  check_weights(reader, weights, rank);
  const std::int64_t group = group_of(reader);
  const TransposedPads pads = transposed_pads(reader, weights, rank);
  ir::AttributeTexts texts{{"strides", ir::format_integers(list_of(reader, "strides", rank, 1))},
                           {"dilations", ir::format_integers(list_of(reader, "dilations", rank, 1))},
                           {"pads_begin", ir::format_integers(pads.begin)},
                           {"pads_end", ir::format_integers(pads.end)},
                           {"output_padding", ir::format_integers(std::vector<std::int64_t>(rank, 0))},
                           {"auto_pad", "explicit"}};
  const bool biased = reader.has_input(2);
  ValueId value = reader.input(1);
  if (group > 1) value = grouped(reader, value, group);
  const std::string_view type = group > 1 ? "GroupConvolutionBackpropData" : "ConvolutionBackpropData";
  const ValueId result =
      layer(reader, {type, 1}, kWithoutBiases, std::move(texts), {reader.input(0), value}, !biased);
  if (!biased) return reader.set_output(result);
  reader.add({"Add", 1}, {}, {result, reader.per_channel(reader.input(2), "biases", rank + 2)});
}

void read_matmul(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  reader.set_output(product(reader, reader.input(0), reader.input(1), false, false, true));
}

/// alpha * A' * B' + beta * C
void read_gemm(NodeReader& reader) {
  reader.expect_inputs(2, 3);
  if (reader.shape(0).size() != 2 || reader.shape(1).size() != 2)
    throw FormatError("the matrices have the shapes " + to_string(reader.shape(0)) + " and " +
                      to_string(reader.shape(1)));
  const auto alpha = static_cast<float>(reader.real("alpha", 1)),
             beta = static_cast<float>(reader.real("beta", 1));
  const bool biased = reader.has_input(2) && beta != 0, scaled = alpha != 1;
  ValueId result = product(reader, reader.input(0), reader.input(1), reader.integer("transA", 0) != 0,
                           reader.integer("transB", 0) != 0, !biased && !scaled);
  if (scaled)
    result = layer(reader, {"Multiply", 1}, "scaled", {}, {result, reader.f32("alpha", alpha)}, !biased);
  if (!biased) return reader.set_output(result);
  ValueId addend = reader.input(2);
  if (beta != 1) addend = reader.helper({"Multiply", 1}, "addend", {}, {addend, reader.f32("beta", beta)});
  reader.add({"Add", 1}, {}, {result, addend});
}

constexpr Operator kOperators[] = {
    {"Conv", 1, kNewest, read_conv},
    {"ConvTranspose", 1, kNewest, read_conv_transpose},
    {"MatMul", 1, kNewest, read_matmul},
    {"Gemm", 7, kNewest, read_gemm},
};

}  // namespace

std::span<const Operator> convolution_operators() noexcept {
  return kOperators;
}

ValueId layer(NodeReader& reader, ir::OpsetType type, const char* suffix, ir::AttributeTexts attributes,
              std::vector<ValueId> inputs, bool named) {
  if (!named) return reader.helper(type, suffix, std::move(attributes), std::move(inputs));
  return reader.builder().add(type, reader.name(), std::move(attributes), std::move(inputs)).front();
}

ir::AttributeTexts window_texts(const NodeReader& reader, std::size_t rank, bool dilations) {
  const std::vector<std::int64_t> pads = list_of(reader, "pads", 2 * rank, 0);
  const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(rank);
  ir::AttributeTexts texts{{"strides", ir::format_integers(list_of(reader, "strides", rank, 1))},
                           {"pads_begin", ir::format_integers(std::vector(pads.begin(), middle))},
                           {"pads_end", ir::format_integers(std::vector(middle, pads.end()))},
                           {"auto_pad", auto_pad(reader)}};
  if (dilations) texts.emplace_back("dilations", ir::format_integers(list_of(reader, "dilations", rank, 1)));
  return texts;
}

ValueId convolution(NodeReader& reader, ValueId x, ValueId weights, ValueId bias, bool named) {
  const std::size_t rank = reader.spatial_rank();
  check_weights(reader, reader.builder().value(weights).shape, rank);
  const std::int64_t group = group_of(reader);
  if (group > 1) weights = grouped(reader, weights, group);
  const bool biased = bias != kNone;
  const ValueId result = layer(reader, {group > 1 ? "GroupConvolution" : "Convolution", 1}, kWithoutBiases,
                               window_texts(reader, rank, true), {x, weights}, named && !biased);
  if (!biased) return result;
  const ValueId addend = reader.per_channel(bias, "biases", rank + 2);
  return layer(reader, {"Add", 1}, "sum", {}, {result, addend}, named);
}

ValueId product(NodeReader& reader, ValueId a, ValueId b, bool transpose_a, bool transpose_b, bool named) {
  return layer(
      reader, {"MatMul", 1}, kWithoutBiases,
      {{"transpose_a", transpose_a ? "true" : "false"}, {"transpose_b", transpose_b ? "true" : "false"}},
      {a, b}, named);
}

}  // namespace refcalib::engine::onnx
