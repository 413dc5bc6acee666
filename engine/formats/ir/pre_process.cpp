#include "engine/formats/ir/pre_process.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/layer_reader.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/eltwise.h"

namespace refcalib::engine::ir {
namespace {

bool is_input(const Layer& layer) noexcept {
  return equal_ignoring_case(layer.type, "Input") || equal_ignoring_case(layer.type, "Parameter");
}

const std::string* default_input(const Document& document) noexcept {
  const std::string* first = nullptr;
  for (const Layer& layer : document.layers) {
    if (!is_input(layer) || layer.outputs.empty()) continue;
    if (first == nullptr) first = &layer.name;
    if (layer.outputs[0].dims.size() == 4) return &layer.name;
  }
  return first;
}

/// Adds the nodes of one input; the last one carries the plain name.
class Stage {
 public:
  Stage(GraphBuilder& builder, ValueId input) : builder_(builder), value_(input) {
    name_ = builder.graph().value(input).name + std::string(kPreProcessSuffix);
  }

  void eltwise(const char* operation, bool last, Constant operand) {
    const std::string name = last ? name_ : name_ + "/" + operation;
    const ValueId constant = builder_.constant(name + "/constant", std::move(operand));
    value_ =
        builder_.add1("Eltwise", name, Attributes::of(EltwiseAttributes{operation, {}}), {value_, constant});
  }

  void affine(std::vector<float> scale, std::vector<float> shift) {
    const auto channels = static_cast<std::int64_t>(scale.size());
    const ValueId a = builder_.constant(name_ + "/scale", Constant::f32({channels}, std::move(scale)));
    const ValueId b = builder_.constant(name_ + "/shift", Constant::f32({channels}, std::move(shift)));
    value_ = builder_.add1("ChannelAffine", name_, Attributes::of(ChannelAffineAttributes{}), {value_, a, b});
  }

  ValueId value() const noexcept { return value_; }

 private:
  GraphBuilder& builder_;
  ValueId value_;
  std::string name_;
};

/// All mean planes, one behind the other.
std::vector<float> planes(const Document& document, const PreProcess& process, std::int64_t height,
                          std::int64_t width) {
  if (process.mean_precision.empty())
    throw FormatError("<pre-process> with mean images has no mean-precision");
  const DType type = element_type(process.mean_precision);
  std::vector<float> all;
  for (const PreProcess::Channel& channel : process.channels) {
    const Blob& plane = *channel.mean_plane;
    const auto needed = static_cast<std::uint64_t>(height * width) * size_of(type);
    if (plane.size != needed)
      throw FormatError("a mean image has " + std::to_string(plane.size) + " bytes; the input needs " +
                        std::to_string(needed));
    const Constant constant = document_constant(document, plane, process.input, type, {height, width});
    check_finite(constant, "mean image");
    const std::vector<float> values = constant.to_floats();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::vector<float> scales(const PreProcess& process) {
  std::vector<float> values;
  for (const PreProcess::Channel& channel : process.channels) values.push_back(channel.scale);
  return values;
}

bool all_ones(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return value == 1.0f; });
}

void check_channels(const PreProcess& process, std::int64_t channels) {
  if (static_cast<std::int64_t>(process.channels.size()) != channels)
    throw FormatError("<pre-process> has " + std::to_string(process.channels.size()) +
                      " channels, the input has " + std::to_string(channels));
  const bool image = process.channels.front().mean_plane.has_value();
  const bool value = process.channels.front().mean.has_value();
  for (const PreProcess::Channel& channel : process.channels) {
    if (channel.mean_plane.has_value() != image || channel.mean.has_value() != value)
      throw FormatError("<pre-process> mixes channels with mean values, mean images and neither");
    if (!std::isfinite(channel.mean.value_or(0)) || !std::isfinite(channel.scale))
      throw FormatError("<pre-process> holds values that are not finite");
  }
}

}  // namespace

const PreProcess* find_pre_process(const Document& document, const std::string& input) {
  for (const PreProcess& process : document.pre_process) {
    if (process.input == input) return &process;
    if (!process.input.empty()) continue;
    const std::string* fallback = default_input(document);
    if (fallback != nullptr && *fallback == input) return &process;
  }
  return nullptr;
}

ValueId add_pre_process(const Document& document, const PreProcess& process, GraphBuilder& builder,
                        ValueId input) {
  const Shape shape = builder.graph().value(input).shape;
  if (shape.size() < 3) throw FormatError("<pre-process> needs an input with channels, height and width");
  const std::size_t channel_axis = shape.size() == 3 ? 0 : 1;
  const std::int64_t channels = shape[channel_axis];
  if (process.channels.empty()) return input;
  check_channels(process, channels);
  std::vector<float> scale = scales(process);
  const bool unscaled = all_ones(scale);
  Stage stage(builder, input);
  Shape vector_shape(shape.size() - channel_axis, 1);
  vector_shape[0] = channels;
  if (process.channels.front().mean_plane) {
    const std::int64_t height = shape[shape.size() - 2];
    const std::int64_t width = shape[shape.size() - 1];
    if (shape.size() == 5) throw UnsupportedError("mean images for 5-D inputs are not supported");
    stage.eltwise("sub", unscaled,
                  Constant::f32({channels, height, width}, planes(document, process, height, width)));
    if (!unscaled) stage.eltwise("mul", true, Constant::f32(vector_shape, std::move(scale)));
    return stage.value();
  }
  std::vector<float> mean;
  for (const PreProcess::Channel& channel : process.channels) mean.push_back(channel.mean.value_or(0));
  if (channel_axis == 0) {
    stage.eltwise("sub", unscaled, Constant::f32(vector_shape, std::move(mean)));
    if (!unscaled) stage.eltwise("mul", true, Constant::f32(vector_shape, std::move(scale)));
    return stage.value();
  }
  for (std::size_t c = 0; c < mean.size(); ++c) mean[c] = -mean[c] * scale[c];
  stage.affine(std::move(scale), std::move(mean));
  return stage.value();
}

}  // namespace refcalib::engine::ir
