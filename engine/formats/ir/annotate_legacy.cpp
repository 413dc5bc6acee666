#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/formats/ir/annotate.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/pre_process.h"

namespace refcalib::engine::ir {
namespace {

Layer* find_layer(Document& document, std::string_view name) noexcept {
  for (Layer& layer : document.layers)
    if (layer.name == name) return &layer;
  return nullptr;
}

/// Calibration entries by layer, in the order in which they are first asked for.
class Entries {
 public:
  explicit Entries(std::vector<LayerCalibration>& entries) : entries_(entries) {}

  LayerCalibration& at(const std::string& layer) {
    const auto [found, fresh] = index_.emplace(layer, entries_.size());
    if (fresh) {
      entries_.emplace_back();
      entries_.back().layer = layer;
    }
    return entries_[found->second];
  }

 private:
  std::vector<LayerCalibration>& entries_;
  std::map<std::string, std::size_t> index_;
};

std::vector<float> full_list(std::vector<float> values, std::size_t channels) {
  if (values.size() == 1) values.resize(channels, values.front());
  return values;
}

std::vector<float> limits(const std::vector<QuantizationRange>& ranges, float QuantizationRange::*member) {
  std::vector<float> values;
  for (const QuantizationRange& range : ranges) values.push_back(range.*member);
  return values;
}

/// Statistics belong to layers; those of a pre-processed input to the input. Other engines read lists of full
/// length only, and know the channels of values [N, C, …] with other than three dimensions.
void add_statistics(Document& document, const Annotation::Activation& activation, const Shape& shape) {
  std::string name = activation.value;
  if (name.ends_with(kPreProcessSuffix)) name.resize(name.size() - kPreProcessSuffix.size());
  const Layer* layer = find_layer(document, name);
  if (layer == nullptr || layer->outputs.size() != 1 || shape.size() < 2 || shape.size() == 3) return;
  const bool observed = !activation.channel_min.empty();
  const auto channels = static_cast<std::size_t>(shape[1]);
  LayerStatistics statistics;
  statistics.layer = name;
  statistics.min = full_list(
      observed ? activation.channel_min : limits(activation.range, &QuantizationRange::low), channels);
  statistics.max = full_list(
      observed ? activation.channel_max : limits(activation.range, &QuantizationRange::high), channels);
  document.statistics.push_back(std::move(statistics));
}

/// Weights of the file's own type, behind the others. v7 may keep them in a Const layer, which other layers may read too: then the layer
/// gets a blob of its own, which counts first.
void replace_weights(Document& document, Layer& layer, const std::vector<float>& values) {
  const auto found =
      std::find_if(layer.blobs.begin(), layer.blobs.end(), [](const Blob& b) { return b.name == "weights"; });
  const std::string precision = found != layer.blobs.end() ? found->precision : "";
  const std::string& declared = !precision.empty()         ? precision
                                : !layer.precision.empty() ? layer.precision
                                                           : document.precision;
  const DType type = declared.empty() ? DType::f32 : element_type(declared);
  const Blob blob = document.append("weights", encode_floats(type, values), precision);
  if (found != layer.blobs.end())
    *found = blob;
  else
    layer.blobs.push_back(blob);
}

/// The constant that an input of a layer comes from gets other bytes.
void replace_operand(Document& document, const Annotation::Operand& operand) {
  const Layer* layer = find_layer(document, operand.layer);
  if (layer == nullptr || operand.input >= layer->inputs.size())
    throw UsageError("the file has no such layer", {"", operand.layer, ""});
  const int port = layer->inputs[operand.input].id;
  for (const Edge& edge : document.edges) {
    if (edge.to_layer != layer->id || edge.to_port != port) continue;
    for (Layer& source : document.layers) {
      if (source.id != edge.from_layer || source.blobs.size() != 1) continue;
      Blob& blob = source.blobs.front();
      const std::string& declared = !blob.precision.empty()     ? blob.precision
                                    : !source.precision.empty() ? source.precision
                                                                : document.precision;
      const DType type = declared.empty() ? DType::f32 : element_type(declared);
      blob = document.append(blob.name, encode_floats(type, operand.values), blob.precision);
      return;
    }
  }
  throw UnsupportedError("an input to be replaced comes from no constant", {"", operand.layer, ""});
}

}  // namespace

void strip_legacy(Document& document) {
  document.statistics.clear();
  document.calibration.clear();
  for (Layer& layer : document.layers) layer.remove_attribute("quantization_level");
}

void annotate_legacy(Document& document, const Annotation& annotation, const Graph& graph) {
  Entries entries(document.calibration);
  for (const Annotation::Activation& activation : annotation.activations) {
    LayerCalibration& entry = entries.at(activation.value);
    entry.output = activation.range;
    entry.output_levels = activation.levels;
    add_statistics(document, activation, graph.value(graph.find_value(activation.value)).shape);
  }
  for (const Annotation::Weights& weights : annotation.weights) {
    Layer* layer = find_layer(document, weights.layer);
    if (layer == nullptr) throw UsageError("the file has no such layer", {"", weights.layer, ""});
    layer->set_attribute("quantization_level", "I8");
    if (!weights.values.empty()) replace_weights(document, *layer, weights.values);
    if (weights.range.empty() && weights.bias.empty()) continue;
    LayerCalibration& entry = entries.at(weights.layer);
    entry.weights = weights.range;
    entry.weight_levels = weights.levels;
    entry.bias = weights.bias;
  }
  for (const Annotation::Operand& operand : annotation.operands) replace_operand(document, operand);
  for (const std::string& name : annotation.keep_float) {
    Layer* layer = find_layer(document, name);
    if (layer == nullptr) throw UsageError("the file has no such layer to keep in float", {"", name, ""});
    layer->set_attribute("quantization_level", "FP32");
  }
}

}  // namespace refcalib::engine::ir
