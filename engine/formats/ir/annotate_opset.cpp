#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/annotate.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/layer_editor.h"
#include "engine/formats/ir/text.h"
#include "engine/graph/calibrated_names.h"
#include "engine/graph/constant.h"
#include "engine/ops/convolution.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine::ir {
namespace {

constexpr std::string_view kBiasSuffix = "/bias_add";
constexpr std::string_view kRefinedWeightsSuffix = "/refined";
constexpr const char* kRecalibrate = "calibrate the floating-point model instead";

bool is_type(const Layer& layer, std::string_view type) noexcept {
  return equal_ignoring_case(layer.type, type);
}

/// In half-precision files the limits must be halves. Rounding them one by one would move the zero point off
/// the integers, so the halves near both limits are searched for the pair whose zero point is closest to
/// `zero_point`, then the one closest to the limits.
QuantizationRange half_range(const QuantizationRange& range, std::int32_t levels, std::int32_t zero_point) {
  constexpr int reach = 32;
  const auto step = [](float value, int count) {
    std::uint16_t half = float_to_half(std::abs(value));
    half = static_cast<std::uint16_t>(std::clamp(static_cast<int>(half) + count, 0, 0x7bff));
    return std::copysign(half_to_float(half), value);
  };
  const auto candidates = [&](float value) {
    std::vector<float> list;
    if (value == 0.0f) return std::vector<float>{0.0f};
    for (int count = -reach; count <= reach; ++count) list.push_back(step(value, count));
    return list;
  };
  QuantizationRange best = {step(range.low, 0), step(range.high, 0)};
  std::pair<double, double> best_error = {1e30, 0};
  for (const float low : candidates(range.low))
    for (const float high : candidates(range.high)) {
      if (!(high > low)) continue;
      const double scale = (static_cast<double>(high) - static_cast<double>(low)) / (levels - 1);
      // Readers take a zero point for an integer within 0.02 of a level. Inside that the limits decide: they move by less than
      // 3 % in the worst case and by far less as a rule.
      constexpr double tolerance = 0.015;
      const double zero_error = std::max(std::abs(-static_cast<double>(low) / scale - zero_point), tolerance);
      const double shift = std::abs(static_cast<double>(low) - static_cast<double>(range.low)) +
                           std::abs(static_cast<double>(high) - static_cast<double>(range.high));
      if (const std::pair error = {zero_error, shift}; error < best_error) {
        best_error = error;
        best = {low, high};
      }
    }
  return best;
}

bool is_transposed(const Layer& layer) {
  return is_type(layer, "ConvolutionBackpropData") || is_type(layer, "GroupConvolutionBackpropData");
}

/// The dimensions of limits per output channel, all 1 at first, for weights as the FakeQuantize of `consumer` sees them.
void set_limit_shape(const Layer& consumer, const Node& node, const WeightChannels& channels, Shape& shape) {
  const auto count = static_cast<std::int64_t>(channels.count());
  if (is_type(consumer, "ConvolutionBackpropData")) {
    shape.at(1) = count;
  } else if (is_type(consumer, "GroupConvolutionBackpropData")) {
    shape.at(0) = channels.groups;
    shape.at(2) = channels.outputs;
  } else if (is_type(consumer, "MatMul")) {
    shape.at(shape.size() - (node.attributes.as<MatMulAttributes>().transpose_b ? 2 : 1)) = count;
  } else {
    shape.at(0) = count;
  }
}

class OpsetAnnotator {
 public:
  OpsetAnnotator(Document& document, const Graph& graph) : editor_(document), graph_(graph) {}

  void replace_weights(const Annotation::Weights& weights);
  void replace_constant(const std::string& name, std::size_t rank, const std::vector<float>& values);
  void correct_bias(const Annotation::Weights& weights);
  void quantize_weights(const Annotation::Weights& weights);
  void quantize_activation(const Annotation::Activation& activation,
                           const std::vector<std::string>& keep_float);
  void finish() { editor_.remove_unread_constants(); }

 private:
  PortRef find_output(const std::string& value);
  Layer& weighted_layer(const std::string& name);
  PortRef prepare_weights(int consumer, std::int64_t channels);
  PortRef group_weights(int consumer, std::int64_t channels);
  PortRef copy_constant(PortRef source, const Shape& shape);
  bool is_constant(PortRef source);
  bool stored_in_integers(const Layer& layer);
  PortRef insert_fake_quantize(const std::string& name, PortRef data,
                               const std::vector<QuantizationRange>& ranges, const Shape& limit_shape,
                               std::int32_t levels);

  LayerEditor editor_;
  const Graph& graph_;
  std::map<std::string, PortRef> moved_;  ///< values that a new bias puts elsewhere
};

PortRef OpsetAnnotator::find_output(const std::string& value) {
  if (const auto moved = moved_.find(value); moved != moved_.end()) return moved->second;
  if (const Layer* layer = editor_.find(value); layer != nullptr && !layer->outputs.empty())
    return {layer->id, layer->outputs.front().id};
  const std::size_t dot = value.rfind('.');
  if (dot != std::string::npos)
    if (const Layer* layer = editor_.find(value.substr(0, dot)))
      for (std::size_t k = 0; k < layer->outputs.size(); ++k)
        if (value.substr(dot + 1) == std::to_string(k)) return {layer->id, layer->outputs[k].id};
  throw UsageError("the file has no layer output of this name", {"", value, ""});
}

Layer& OpsetAnnotator::weighted_layer(const std::string& name) {
  Layer* layer = editor_.find(name);
  if (layer == nullptr) throw UsageError("the file has no such layer", {"", name, ""});
  return *layer;
}

/// True for a Const, or a Const behind a Convert (compressed files).
bool OpsetAnnotator::is_constant(PortRef source) {
  const Layer& layer = editor_.layer(source.layer);
  if (is_type(layer, "Const")) return true;
  return is_type(layer, "Convert") && is_type(editor_.layer(editor_.source(layer, 0).layer), "Const");
}

/// True for weights that the file stores as i8 with scales: those stay what they are.
bool OpsetAnnotator::stored_in_integers(const Layer& layer) {
  const Layer* producer = &editor_.layer(editor_.source(layer, 1).layer);
  if (is_type(*producer, "Reshape")) producer = &editor_.layer(editor_.source(*producer, 0).layer);
  return is_type(*producer, "Multiply");
}

/// A copy of a Const (and its Convert) over the same bytes under another shape.
PortRef OpsetAnnotator::copy_constant(PortRef source, const Shape& shape) {
  const Layer original = editor_.layer(source.layer);
  PortRef input{};
  if (is_type(original, "Convert")) input = copy_constant(editor_.source(original, 0), shape);
  Layer& copy = editor_.insert(original.id, original.name + "/rows", original.type);
  const int id = copy.id;
  const std::string name = copy.name;
  copy = original;
  copy.id = id;
  copy.name = name;
  for (Port& port : copy.inputs) port.dims = shape;
  for (Port& port : copy.outputs) port.dims = shape;
  if (copy.attribute("shape") != nullptr) {
    std::string text;
    for (const std::int64_t dim : shape) text += (text.empty() ? "" : ",") + std::to_string(dim);
    copy.set_attribute("shape", text);
  }
  const PortRef output = {id, copy.outputs.front().id};
  if (!copy.inputs.empty()) editor_.connect(input, {id, copy.inputs.front().id});
  return output;
}

/// Weights [G, O/G, I/G, k…]: the FakeQuantize must see [O, I/G, k…], and a Reshape behind it restores the
/// groups.
PortRef OpsetAnnotator::group_weights(int consumer, std::int64_t channels) {
  const Layer layer = editor_.layer(consumer);
  const PortRef source = editor_.source(layer, 1);
  const Shape grouped = graph_.value(find_weighted(graph_, layer.name)->inputs[1]).shape;
  Shape rows(grouped.begin() + 1, grouped.end());
  rows[0] = channels;
  const std::string precision = editor_.output_port(source).precision;
  const PortRef data = copy_constant(source, rows);
  Layer& reshape = editor_.insert(data.layer, layer.name + "/weights_groups", "Reshape");
  const int id = reshape.id;
  reshape.set_attribute("special_zero", "false");
  const PortRef x = LayerEditor::add_input(reshape, precision, rows);
  const PortRef target = LayerEditor::add_input(reshape, "I64", {static_cast<std::int64_t>(grouped.size())});
  const PortRef output = LayerEditor::add_output(reshape, precision, grouped);
  editor_.connect(data, x);
  const PortRef shape = editor_.insert_constant(data.layer, layer.name + "/weights_groups/shape",
                                                {static_cast<std::int64_t>(grouped.size())}, grouped);
  editor_.connect(shape, target);
  editor_.reconnect({consumer, layer.inputs[1].id}, output);
  return PortRef{id, x.port};
}

/// The input port in front of which the weights' FakeQuantize goes: the layer's own, or that of a Reshape.
PortRef OpsetAnnotator::prepare_weights(int consumer, std::int64_t channels) {
  const Layer& layer = editor_.layer(consumer);
  const ErrorContext where = {"", layer.name, kRecalibrate};
  const PortRef source = editor_.source(layer, 1);
  const Layer& producer = editor_.layer(source.layer);
  if (is_transposed(layer) &&
      (is_constant(source) || (is_type(producer, "Reshape") && is_constant(editor_.source(producer, 0)))))
    return {consumer, layer.inputs.at(1).id};
  if (is_constant(source)) {
    if (is_type(layer, "GroupConvolution")) return group_weights(consumer, channels);
    return {consumer, layer.inputs.at(1).id};
  }
  if (is_type(producer, "Reshape") && is_constant(editor_.source(producer, 0))) {
    const Shape& dims = editor_.output_port(editor_.source(producer, 0)).dims;
    if (dims.empty() || dims.front() != channels)
      throw UnsupportedError(
          "the weights have the shape " + to_string(dims) + "; output channels must come first", where);
    return {producer.id, producer.inputs.front().id};
  }
  throw UnsupportedError("the weights come from a " + producer.type + " layer, not from a constant", where);
}

void OpsetAnnotator::replace_weights(const Annotation::Weights& weights) {
  if (weights.values.empty() || stored_in_integers(weighted_layer(weights.layer))) return;
  replace_constant(weights.layer, 1, weights.values);
}

/// Gives the layer a constant of its own in the place of the old one, of the same type and shape. What stands between the constant and the
/// layer (Convert, Reshape) stays; if others read through it, they read the new values too, as they read the old ones.
void OpsetAnnotator::replace_constant(const std::string& name, std::size_t rank,
                                      const std::vector<float>& values) {
  const Layer* reader = &weighted_layer(name);
  PortRef source = editor_.source(*reader, rank);
  while (!is_type(editor_.layer(source.layer), "Const")) {
    reader = &editor_.layer(source.layer);
    rank = 0;
    if (!is_type(*reader, "Convert") && !is_type(*reader, "Reshape"))
      throw UnsupportedError("the weights come from a " + reader->type + " layer, not from a constant",
                             {"", name, kRecalibrate});
    source = editor_.source(*reader, rank);
  }
  const PortRef input = {reader->id, reader->inputs.at(rank).id};
  const Layer old = editor_.layer(source.layer);
  const std::string* type = old.attribute("element_type");
  const DType element = type != nullptr ? element_type(*type) : element_type(old.outputs.at(0).precision);
  const PortRef constant =
      editor_.insert_constant(old.id, old.name + std::string(kRefinedWeightsSuffix), element,
                              old.outputs.at(0).dims, encode_floats(element, values));
  editor_.reconnect(input, constant);
}

PortRef OpsetAnnotator::insert_fake_quantize(const std::string& name, PortRef data,
                                             const std::vector<QuantizationRange>& ranges,
                                             const Shape& limit_shape, std::int32_t levels) {
  const Port source = editor_.output_port(data);
  const DType type = find_element_type(source.precision) == DType::f16 ? DType::f16 : DType::f32;
  const std::string precision(port_precision(type));
  Layer& layer = editor_.insert(data.layer, name, "FakeQuantize");
  const int id = layer.id;
  const std::string unique = layer.name;
  layer.set_attribute("levels", std::to_string(levels));
  layer.set_attribute("auto_broadcast", "numpy");
  const PortRef x = LayerEditor::add_input(layer, precision, source.dims);
  std::vector<PortRef> limits;
  for (int i = 0; i < 4; ++i) limits.push_back(LayerEditor::add_input(layer, precision, limit_shape));
  const PortRef output = LayerEditor::add_output(layer, precision, source.dims);
  editor_.connect(data, x);
  std::vector<float> low;
  std::vector<float> high;
  for (const QuantizationRange& range : ranges) {
    low.push_back(range.low);
    high.push_back(range.high);
  }
  constexpr const char* names[] = {"/input_low", "/input_high", "/output_low", "/output_high"};
  for (std::size_t i = 0; i < 4; ++i)
    editor_.connect(
        editor_.insert_constant(data.layer, unique + names[i], type, limit_shape, i % 2 == 0 ? low : high),
        limits[i]);
  return {id, output.port};
}

void OpsetAnnotator::quantize_weights(const Annotation::Weights& weights) {
  if (weights.range.empty() || stored_in_integers(weighted_layer(weights.layer))) return;
  const int consumer = weighted_layer(weights.layer).id;
  const Node& node = *find_weighted(graph_, weights.layer);
  const std::int64_t channels = weight_channels(graph_, node);
  const PortRef input = prepare_weights(consumer, channels);
  const Layer reader = editor_.layer(input.layer);
  const auto rank = static_cast<std::size_t>(std::find_if(reader.inputs.begin(), reader.inputs.end(),
                                                          [&](const Port& p) { return p.id == input.port; }) -
                                             reader.inputs.begin());
  const PortRef data = editor_.source(reader, rank);
  Shape limit_shape(editor_.output_port(data).dims.size(), 1);
  if (weights.range.size() > 1)
    set_limit_shape(editor_.layer(consumer), node, weight_channels_of(graph_, node), limit_shape);
  std::vector<QuantizationRange> ranges = weights.range;
  const std::int32_t limit = weights.levels / 2;
  // A filter of zeros gets the range of scale 1, so that every range has an extent.
  for (QuantizationRange& range : ranges)
    if (!(range.high > 0)) range = {-static_cast<float>(limit), static_cast<float>(limit)};
  const PortRef output = insert_fake_quantize(weights.layer + std::string(kWeightSuffix), data, ranges,
                                              limit_shape, weights.levels);
  editor_.reconnect(input, output);
}

/// Layers that are kept in float read the value in front of the FakeQuantize.
void OpsetAnnotator::quantize_activation(const Annotation::Activation& activation,
                                         const std::vector<std::string>& keep_float) {
  const PortRef data = find_output(activation.value);
  std::vector<PortRef> readers = editor_.readers(data);
  std::erase_if(readers, [&](const PortRef& reader) {
    const Layer& layer = editor_.layer(reader.layer);
    return is_type(layer, "Result") || is_type(layer, "ShapeOf") ||
           std::find(keep_float.begin(), keep_float.end(), layer.name) != keep_float.end();
  });
  if (readers.empty()) return;
  const Port port = editor_.output_port(data);
  std::vector<QuantizationRange> ranges = activation.range;
  const bool half = find_element_type(port.precision) == DType::f16;
  const Quantization executed = activation_quantization(ranges, activation.levels);
  for (QuantizationRange& range : ranges) {
    if (!(range.high > range.low)) range = {0, static_cast<float>(activation.levels - 1)};
    if (half) range = half_range(range, activation.levels, executed.zero_point);
  }
  Shape limit_shape;
  if (ranges.size() > 1) {
    limit_shape.assign(std::max<std::size_t>(port.dims.size(), 2), 1);
    limit_shape[1] = static_cast<std::int64_t>(ranges.size());
  }
  const PortRef output = insert_fake_quantize(activation.value + std::string(kActivationSuffix), data, ranges,
                                              limit_shape, activation.levels);
  for (const PortRef& reader : readers) editor_.reconnect(reader, output);
}

/// Replaces the constant of the Add behind the layer; a layer without one gets an Add.
void OpsetAnnotator::correct_bias(const Annotation::Weights& weights) {
  if (weights.bias.empty()) return;
  const Layer layer = weighted_layer(weights.layer);
  const PortRef output = {layer.id, layer.outputs.at(0).id};
  const std::vector<PortRef> readers = editor_.readers(output);
  const Port port = editor_.output_port(output);
  const DType type = find_element_type(port.precision) == DType::f16 ? DType::f16 : DType::f32;
  Shape shape(std::max<std::size_t>(port.dims.size(), 2), 1);
  shape[weighted_traits(*find_weighted(graph_, weights.layer))->channel_axis(shape.size())] =
      static_cast<std::int64_t>(weights.bias.size());
  if (readers.size() == 1 && is_type(editor_.layer(readers.front().layer), "Add")) {
    const Layer add = editor_.layer(readers.front().layer);
    const std::size_t other = add.inputs.front().id == readers.front().port ? 1 : 0;
    if (is_constant(editor_.source(add, other))) {
      // The old constant goes first if nothing else reads it: its name may be the one that the new constant
      // wants.
      const PortRef old = editor_.source(add, other);
      const PortRef input = {add.id, add.inputs[other].id};
      std::erase_if(editor_.document().edges, [&](const Edge& edge) {
        return edge.to_layer == input.layer && edge.to_port == input.port;
      });
      if (editor_.readers(old).empty()) editor_.remove_layer(old.layer);
      const PortRef bias = editor_.insert_constant(
          layer.id, weights.layer + std::string(kCorrectedBiasSuffix), type, shape, weights.bias);
      editor_.layer(add.id).inputs[other].dims = shape;
      // An addition that an earlier annotation put there stands for the layer's own value.
      if (add.name == layer.name + std::string(kBiasSuffix))
        moved_.emplace(weights.layer, PortRef{add.id, add.outputs.at(0).id});
      return editor_.connect(bias, input);
    }
  }
  Layer& add = editor_.insert(layer.id, layer.name + std::string(kBiasSuffix), "Add");
  add.set_attribute("auto_broadcast", "numpy");
  const std::string precision(port_precision(type));
  const PortRef x = LayerEditor::add_input(add, precision, port.dims);
  const PortRef b = LayerEditor::add_input(add, precision, shape);
  const PortRef sum = LayerEditor::add_output(add, precision, port.dims);
  const PortRef bias = editor_.insert_constant(layer.id, weights.layer + std::string(kCorrectedBiasSuffix),
                                               type, shape, weights.bias);
  for (const PortRef& reader : readers) editor_.reconnect(reader, sum);
  editor_.connect(output, x);
  editor_.connect(bias, b);
  moved_.emplace(weights.layer, sum);
}

}  // namespace

void strip_opset(Document& document) {
  LayerEditor editor(document);
  std::vector<int> ours;
  for (const Layer& layer : document.layers)
    if (is_type(layer, "FakeQuantize") && is_calibrated_name(layer.name) && layer.inputs.size() == 5 &&
        layer.outputs.size() == 1)
      ours.push_back(layer.id);
  for (const int id : ours) {
    const Layer& layer = editor.layer(id);
    const PortRef data = editor.source(layer, 0);
    for (const PortRef& reader : editor.readers({id, layer.outputs.front().id}))
      editor.reconnect(reader, data);
    editor.remove_layer(id);
  }
  if (!ours.empty()) editor.remove_unread_constants();
}

void annotate_opset(Document& document, const Annotation& annotation, const Graph& graph) {
  OpsetAnnotator annotator(document, graph);
  for (const Annotation::Weights& weights : annotation.weights) annotator.replace_weights(weights);
  for (const Annotation::Operand& operand : annotation.operands)
    annotator.replace_constant(operand.layer, operand.input, operand.values);
  for (const Annotation::Weights& weights : annotation.weights) annotator.correct_bias(weights);
  for (const Annotation::Weights& weights : annotation.weights)
    if (std::find(annotation.keep_float.begin(), annotation.keep_float.end(), weights.layer) ==
        annotation.keep_float.end())
      annotator.quantize_weights(weights);
  for (const Annotation::Activation& activation : annotation.activations)
    annotator.quantize_activation(activation, annotation.keep_float);
  annotator.finish();
}

}  // namespace refcalib::engine::ir
