#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/caffe/layers.h"

namespace refcalib::engine::caffe {
namespace {

using Dims = std::vector<std::int64_t>;

/// One value per spatial dimension: `name_h` and `name_w` of two dimensions, or the list, whose last value holds for the rest.
Dims spatial(std::size_t rank, const google::protobuf::RepeatedField<std::uint32_t>& list,
             std::optional<std::uint32_t> h, std::optional<std::uint32_t> w, std::int64_t absent,
             const char* what) {
  if (h || w) {
    if (rank != 2) throw FormatError(std::string(what) + "_h and " + what + "_w need two spatial dimensions");
    return {h ? static_cast<std::int64_t>(*h) : absent, w ? static_cast<std::int64_t>(*w) : absent};
  }
  if (list.empty()) return Dims(rank, absent);
  if (list.size() != 1 && static_cast<std::size_t>(list.size()) != rank)
    throw FormatError(std::string(what) + " has " + std::to_string(list.size()) + " values for " +
                      std::to_string(rank) + " spatial dimensions");
  Dims result(rank, list.Get(0));
  std::copy(list.begin(), list.begin() + (list.size() > 1 ? list.size() : 0), result.begin());
  return result;
}

struct Windowed {
  Dims kernel, strides, pads, dilations;
  std::int64_t group = 1, outputs = 0, inputs = 0;
};

Windowed windowed(const CaffeLayer& layer) {
  const proto::ConvolutionParameter& p = layer.parameter().convolution_param();
  const Shape& x = layer.shape();
  if (x.size() < 3 || x.size() > 5)
    throw UnsupportedError("a convolution over a blob of shape " + to_string(x) + " is not supported");
  if (layer.axis(p.axis()) != 1) throw UnsupportedError("a convolution whose axis is not 1 is not supported");
  const std::size_t rank = x.size() - 2;
  const auto optional = [](bool has, std::uint32_t value) {
    return has ? std::optional<std::uint32_t>(value) : std::nullopt;
  };
  Windowed w;
  w.kernel = spatial(rank, p.kernel_size(), optional(p.has_kernel_h(), p.kernel_h()),
                     optional(p.has_kernel_w(), p.kernel_w()), 0, "kernel");
  w.strides = spatial(rank, p.stride(), optional(p.has_stride_h(), p.stride_h()),
                      optional(p.has_stride_w(), p.stride_w()), 1, "stride");
  w.pads = spatial(rank, p.pad(), optional(p.has_pad_h(), p.pad_h()), optional(p.has_pad_w(), p.pad_w()), 0,
                   "pad");
  w.dilations = spatial(rank, p.dilation(), std::nullopt, std::nullopt, 1, "dilation");
  constexpr std::int64_t most = std::int64_t{1} << 20;
  for (const Dims* list : {&w.kernel, &w.strides, &w.dilations})
    for (const std::int64_t value : *list)
      if (value < 1 || value > most)
        throw FormatError("kernel_size, stride or dilation is missing or out of range");
  w.group = p.group();
  w.outputs = p.num_output();
  w.inputs = x[1];
  if (w.outputs < 1 || w.outputs > most) throw FormatError("num_output is missing or out of range");
  if (w.group < 1 || w.inputs % w.group != 0 || w.outputs % w.group != 0)
    throw FormatError("group " + std::to_string(w.group) + " divides not both the " +
                      std::to_string(w.inputs) + " inputs and the " + std::to_string(w.outputs) + " outputs");
  return w;
}

/// Weights times the factor of their output channel, which `channel` gives for an element.
template <class Channel>
std::vector<float> scaled(const CaffeLayer& layer, std::vector<float> weights, Channel channel) {
  const std::vector<double>& scale = layer.folded().scale;
  if (!scale.empty())
    for (std::size_t i = 0; i < weights.size(); ++i)
      weights[i] = static_cast<float>(static_cast<double>(weights[i]) * scale[channel(i)]);
  return weights;
}

/// The bias behind all that is folded into the layer; empty if there is none.
std::vector<float> biases(const CaffeLayer& layer, bool biased, std::int64_t outputs) {
  std::vector<float> bias;
  if (biased) bias = layer.blob(1, {outputs}, "biases");
  if (layer.integers())
    for (float& value : bias) value *= layer.integers()->bias;
  const ChannelScale& folded = layer.folded();
  if (folded.empty()) return bias;
  bias.resize(static_cast<std::size_t>(outputs), 0.0F);
  for (std::size_t c = 0; c < bias.size(); ++c)
    bias[c] = static_cast<float>(static_cast<double>(bias[c]) * folded.scale[c] + folded.shift[c]);
  return bias;
}

/// The layer itself, and its biases as an Add of its name.
void add_biased(CaffeLayer& layer, ir::OpsetType type, ir::AttributeTexts attributes,
                std::vector<ValueId> inputs, std::size_t channel_axis, std::vector<float> bias) {
  if (bias.empty()) return layer.add(type, std::move(attributes), std::move(inputs));
  const ValueId result = layer.helper(type, "WithoutBiases", std::move(attributes), std::move(inputs));
  Shape shape(layer.shape_of(result).size(), 1);
  shape[channel_axis] = static_cast<std::int64_t>(bias.size());
  layer.add({"Add", 1}, {}, {result, layer.floats("biases", std::move(shape), std::move(bias))});
}

ir::AttributeTexts window_texts(const Windowed& w) {
  return {{"strides", ir::format_integers(w.strides)},
          {"pads_begin", ir::format_integers(w.pads)},
          {"pads_end", ir::format_integers(w.pads)},
          {"dilations", ir::format_integers(w.dilations)},
          {"auto_pad", "explicit"}};
}

/// Weights [M, C / group, k…].
void read_convolution(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const Windowed w = windowed(layer);
  Shape shape{w.outputs, w.inputs / w.group};
  shape.insert(shape.end(), w.kernel.begin(), w.kernel.end());
  const std::vector<float>& blob = layer.blob(0, shape, "weights");
  const std::size_t each = blob.size() / static_cast<std::size_t>(w.outputs);
  std::vector<float> weights = scaled(layer, blob, [&](std::size_t i) { return i / each; });
  const bool grouped = w.group > 1;
  if (grouped) {
    shape[0] = w.outputs / w.group;
    shape.insert(shape.begin(), w.group);
  }
  add_biased(layer, {grouped ? "GroupConvolution" : "Convolution", 1}, window_texts(w),
             {layer.input(), layer.weights(shape, std::move(weights))}, 1,
             biases(layer, layer.parameter().convolution_param().bias_term(), w.outputs));
}

/// Weights [C, M / group, k…].
void read_deconvolution(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const Windowed w = windowed(layer);
  Shape shape{w.inputs, w.outputs / w.group};
  shape.insert(shape.end(), w.kernel.begin(), w.kernel.end());
  const std::vector<float>& blob = layer.blob(0, shape, "weights");
  const auto per_group = static_cast<std::size_t>(w.outputs / w.group),
             inputs = static_cast<std::size_t>(w.inputs / w.group),
             each = blob.size() / (static_cast<std::size_t>(w.inputs) * per_group);
  std::vector<float> weights = scaled(layer, blob, [&](std::size_t i) {
    const std::size_t row = i / each;
    return row / per_group / inputs * per_group + row % per_group;
  });
  const bool grouped = w.group > 1;
  if (grouped) {
    shape[0] = w.inputs / w.group;
    shape.insert(shape.begin(), w.group);
  }
  ir::AttributeTexts texts = window_texts(w);
  texts.emplace_back("output_padding", ir::format_integers(Dims(w.kernel.size(), 0)));
  add_biased(layer, {grouped ? "GroupConvolutionBackpropData" : "ConvolutionBackpropData", 1},
             std::move(texts), {layer.input(), layer.weights(shape, std::move(weights))}, 1,
             biases(layer, layer.parameter().convolution_param().bias_term(), w.outputs));
}

/// Dimensions from `axis` on are one vector; weights [N, K], or [K, N] with `transpose`.
void read_inner_product(CaffeLayer& layer) {
  layer.expect_inputs(1, 1);
  const proto::InnerProductParameter& p = layer.parameter().inner_product_param();
  const std::size_t axis = layer.axis(p.axis());
  const Shape x = layer.shape();
  if (axis == 0) throw UnsupportedError("an inner product over the batch (axis 0) is not supported");
  const std::int64_t outputs = p.num_output();
  if (outputs < 1 || outputs > std::int64_t{1} << 24)
    throw FormatError("num_output is missing or out of range");
  const auto first = x.begin() + static_cast<std::ptrdiff_t>(axis);
  const std::int64_t inputs = element_count(Shape(first, x.end()));
  const Shape shape = p.transpose() ? Shape{inputs, outputs} : Shape{outputs, inputs};
  const std::vector<float>& blob = layer.blob(0, shape, "weights");
  const auto columns = static_cast<std::size_t>(shape[1]);
  std::vector<float> weights =
      scaled(layer, blob, [&](std::size_t i) { return p.transpose() ? i % columns : i / columns; });
  ValueId data = layer.input();
  if (axis + 1 != x.size()) {
    Dims target(axis, 0);
    target.push_back(-1);
    data = layer.helper({"Reshape", 1}, "rows", {{"special_zero", "true"}},
                        {data, layer.integers("rows/shape", std::move(target))});
  }
  add_biased(layer, {"MatMul", 1},
             {{"transpose_a", "false"}, {"transpose_b", p.transpose() ? "false" : "true"}},
             {data, layer.weights(shape, std::move(weights))}, axis, biases(layer, p.bias_term(), outputs));
}

constexpr LayerType kTypes[] = {
    {"Convolution", read_convolution},          {"ConvolutionDepthwise", read_convolution},
    {"DepthwiseConvolution", read_convolution}, {"Deconvolution", read_deconvolution},
    {"InnerProduct", read_inner_product},
};

}  // namespace

std::span<const LayerType> weighted_types() noexcept {
  return kTypes;
}

}  // namespace refcalib::engine::caffe
