#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/formats/ir/legacy_layers.h"
#include "engine/formats/ir/legacy_window.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

/// A bias that calibration corrected, else the blob, else input 2 (v7), else none.
std::optional<ValueId> bias(LayerReader& reader, std::int64_t channels) {
  for (const LayerCalibration& entry : reader.document().calibration) {
    if (entry.layer != reader.name() || entry.bias.empty()) continue;
    if (static_cast<std::int64_t>(entry.bias.size()) != channels)
      throw FormatError("<refcalib> has " + std::to_string(entry.bias.size()) + " bias values for " +
                        std::to_string(channels) + " channels");
    Constant corrected = Constant::f32({channels}, entry.bias);
    check_finite(corrected, "bias");
    return reader.constant_value(kCorrectedBiasSuffix.substr(1), std::move(corrected));
  }
  if (reader.has_blob("biases")) return reader.constant_value("bias", reader.blob("biases", {channels}));
  if (reader.input_count() > 2) return reader.reshaped(reader.input(2), "bias", {channels});
  return std::nullopt;
}

/// Weights of the blob, or of input 1 (v7), in the wanted shape.
ValueId weights(LayerReader& reader, Shape shape) {
  if (reader.has_blob("weights"))
    return reader.constant_value("weights", reader.blob("weights", std::move(shape)));
  if (reader.input_count() < 2) throw FormatError("blob 'weights' is missing");
  if (reader.is_constant(1)) check_finite(reader.constant(1), "weights");
  return reader.reshaped(reader.input(1), "weights", std::move(shape));
}

void check_channels(std::int64_t channels, std::int64_t groups, const char* what) {
  if (groups < 1) throw FormatError("attribute 'group' \"" + std::to_string(groups) + "\" is out of range");
  if (channels < 1 || channels % groups != 0)
    throw FormatError(std::to_string(channels) + " " + what + " channels cannot be divided into " +
                      std::to_string(groups) + " groups");
}

ConvolutionAttributes attributes_of(const Window& window) {
  ConvolutionAttributes attributes;
  attributes.strides = window.strides;
  attributes.dilations = window.dilations;
  attributes.pads_begin = window.pads_begin;
  attributes.pads_end = window.pads_end;
  return attributes;
}

/// The operation of input 0 and `weights`, plus the bias. One that is computed at run time is added behind, in the shape that broadcasts
/// to the output; so is any behind a product of two computed matrices.
template <class T>
void add_biased(LayerReader& reader, const char* op, T attributes, ValueId x, ValueId weights,
                std::int64_t outputs, Shape broadcast) {
  const auto value = bias(reader, outputs);
  if (!value) return reader.add(op, std::move(attributes), {x, weights});
  const Graph& graph = reader.builder().graph();
  const bool computed_product = op == std::string_view("MatMul") && !graph.value(weights).constant;
  if (graph.value(*value).constant && !computed_product)
    return reader.add(op, std::move(attributes), {x, weights, *value});
  const ValueId product = reader.helper(op, "product", std::move(attributes), {x, weights});
  reader.add("Eltwise", EltwiseAttributes{"add", {}},
             {product, reader.reshaped(*value, "bias/channels", std::move(broadcast))});
}

/// A Convolution, or, with weights whose input channels come first, a Deconvolution.
void read_windowed(LayerReader& reader, const char* op, const Window& window, bool inputs_first) {
  const std::int64_t outputs = reader.integer("output");
  const std::int64_t groups = reader.integer("group", 1);
  const std::int64_t channels = reader.shape(0)[1];
  check_channels(channels, groups, "input");
  check_channels(outputs, groups, "output");
  Shape shape = {groups, outputs / groups, channels / groups};
  if (inputs_first) std::swap(shape[1], shape[2]);
  shape.insert(shape.end(), window.kernel.begin(), window.kernel.end());
  const ValueId values = weights(reader, std::move(shape));
  Shape broadcast(reader.shape(0).size(), 1);
  broadcast[1] = outputs;
  add_biased(reader, op, attributes_of(window), reader.input(0), values, outputs, std::move(broadcast));
}

void read_convolution(LayerReader& reader) {
  reader.expect_inputs(1, 3);
  read_windowed(reader, "Convolution", legacy_convolution_window(reader), false);
}

void read_deconvolution(LayerReader& reader) {
  reader.expect_inputs(1, 3);
  read_windowed(reader, "Deconvolution", legacy_deconvolution_window(reader), true);
}

void read_fully_connected(LayerReader& reader) {
  reader.expect_inputs(1, 3);
  const Shape& shape = reader.shape(0);
  if (shape.size() < 2 || shape[0] < 1)
    throw FormatError("the input has the shape " + to_string(shape) + "; expected is [N, K]");
  const std::int64_t rows = shape[0];
  const std::int64_t features = element_count(shape) / rows;
  const std::int64_t outputs = reader.integer("out-size");
  if (outputs < 1)
    throw FormatError("attribute 'out-size' \"" + std::to_string(outputs) + "\" is out of range");
  const ValueId x = reader.reshaped(reader.input(0), "flatten", {rows, features});
  MatMulAttributes attributes;
  attributes.transpose_b = true;
  add_biased(reader, "MatMul", std::move(attributes), x, weights(reader, {outputs, features}), outputs,
             {outputs});
}

constexpr std::array<LegacyLayer, 4> kLayers = {{
    {"convolution", read_convolution},
    {"deconvolution", read_deconvolution},
    {"fullyconnected", read_fully_connected},
    {"innerproduct", read_fully_connected},
}};

}  // namespace

std::span<const LegacyLayer> legacy_convolution_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
