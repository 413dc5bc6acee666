#include "engine/formats/ir/stored_quantization.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine::ir {
namespace {

/// The weights of a node if they are a constant.
Value* weights_of(Graph& graph, const Node& node) {
  if (node.inputs.size() < 2) return nullptr;
  Value& weights = graph.value(node.inputs[1]);
  return weights.constant ? &weights : nullptr;
}

/// True for operations that the engines of the time kept in float.
bool never_legacy_int8(const Node& node) {
  const WeightedTraits* traits = weighted_traits(node);
  return traits != nullptr && !traits->in_legacy_int8;
}

void check_count(std::size_t count, std::int64_t channels, const char* what) {
  if (count != 1 && static_cast<std::int64_t>(count) != channels)
    throw FormatError("<refcalib> has " + std::to_string(count) + " " + what + " limits for " +
                      std::to_string(channels) + " channels");
}

template <class F>
Quantization executable(const F& derive) {
  try {
    return derive();
  } catch (const UsageError& error) {
    throw FormatError("<refcalib>: " + error.message());
  }
}

void apply_entry(const LayerCalibration& entry, const std::map<std::string, NodeId, std::less<>>& nodes,
                 Graph& graph) {
  if (!entry.output.empty()) {
    const ValueId id = graph.find_value(entry.layer);
    if (id == kNone) throw FormatError("<refcalib> names a value that does not exist");
    Value& value = graph.value(id);
    check_count(entry.output.size(), value.shape.size() > 1 ? value.shape[1] : 1, "output");
    value.quantization =
        executable([&] { return activation_quantization(entry.output, entry.output_levels); });
  }
  if (entry.weights.empty()) return;
  const auto node = nodes.find(entry.layer);
  Value* weights = node == nodes.end() ? nullptr : weights_of(graph, graph.node(node->second));
  if (weights == nullptr || weighted_traits(graph.node(node->second)) == nullptr)
    throw FormatError("<refcalib> has weight limits for a layer without constant weights");
  check_count(entry.weights.size(),
              static_cast<std::int64_t>(weight_channels_of(graph, graph.node(node->second)).count()),
              "weight");
  weights->quantization = executable([&] { return weight_quantization(entry.weights, entry.weight_levels); });
}

}  // namespace

void apply_precision_hints(const Document& document, Graph& graph) {
  const bool calibrated = !document.calibration.empty() || !document.statistics.empty();
  std::map<std::string_view, const Layer*> layers;
  for (const Layer& layer : document.layers) layers.emplace(layer.name, &layer);
  for (const NodeId id : graph.order()) {
    Node& node = graph.node(id);
    const auto found = layers.find(node.name);
    if (found == layers.end()) continue;
    const std::string* level = found->second->attribute("quantization_level");
    const bool stays_float = level != nullptr
                                 ? equal_ignoring_case(*level, "FP32") || equal_ignoring_case(*level, "FP16")
                                 : calibrated && document.legacy() && never_legacy_int8(node);
    if (stays_float) node.hint = PrecisionHint::keep_float;
  }
}

void apply_stored_quantization(const Document& document, Graph& graph) {
  if (!document.legacy()) return;
  if (document.calibration.empty()) return apply_statistics(document, graph);
  std::map<std::string, NodeId, std::less<>> nodes;
  for (const NodeId id : graph.order()) nodes.emplace(graph.node(id).name, id);
  for (const LayerCalibration& entry : document.calibration)
    in_context({"", entry.layer, ""}, [&] { apply_entry(entry, nodes, graph); });
}

}  // namespace refcalib::engine::ir
