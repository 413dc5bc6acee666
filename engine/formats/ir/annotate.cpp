#include "engine/formats/ir/annotate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine::ir {
namespace {

void check_ranges(const std::vector<QuantizationRange>& ranges, std::int64_t channels,
                  const std::string& name) {
  if (ranges.empty() || (ranges.size() != 1 && static_cast<std::int64_t>(ranges.size()) != channels))
    throw UsageError("the annotation has " + std::to_string(ranges.size()) + " ranges for " +
                         std::to_string(channels) + " channels",
                     {"", name, ""});
  for (const QuantizationRange& range : ranges)
    if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high)
      throw UsageError("the annotation has a range that is no finite interval", {"", name, ""});
}

void check_activation(const Annotation::Activation& activation, const Graph& graph) {
  const ValueId id = graph.find_value(activation.value);
  if (id == kNone || graph.value(id).constant)
    throw UsageError("the annotation names a value that the network does not have",
                     {"", activation.value, ""});
  const Shape& shape = graph.value(id).shape;
  const std::int64_t channels = shape.size() > 1 ? shape[1] : 1;
  check_ranges(activation.range, channels, activation.value);
  for (const auto* extremes : {&activation.channel_min, &activation.channel_max})
    if (extremes->size() > 1 && static_cast<std::int64_t>(extremes->size()) != channels)
      throw UsageError("the annotation has " + std::to_string(extremes->size()) + " observed values for " +
                           std::to_string(channels) + " channels",
                       {"", activation.value, ""});
  if (activation.channel_min.size() != activation.channel_max.size())
    throw UsageError("the annotation has different numbers of minima and maxima", {"", activation.value, ""});
}

void check_weights(const Annotation::Weights& weights, const Graph& graph) {
  const Node* node = find_weighted(graph, weights.layer);
  if (node == nullptr)
    throw UsageError("the annotation has weight limits for a layer without constant weights",
                     {"", weights.layer, ""});
  const std::int64_t channels = weight_channels(graph, *node);
  if (!weights.range.empty()) check_ranges(weights.range, channels, weights.layer);
  for (const QuantizationRange& range : weights.range)
    if (range.low != -range.high)
      throw UsageError("weight limits must be symmetric", {"", weights.layer, ""});
  if (!weights.bias.empty() && static_cast<std::int64_t>(weights.bias.size()) != channels)
    throw UsageError("the annotation has " + std::to_string(weights.bias.size()) + " bias values for " +
                         std::to_string(channels) + " channels",
                     {"", weights.layer, ""});
  if (!weights.values.empty() &&
      static_cast<std::int64_t>(weights.values.size()) != graph.value(node->inputs[1]).constant.count())
    throw UsageError("the annotation has " + std::to_string(weights.values.size()) +
                         " weights for a layer of " +
                         std::to_string(graph.value(node->inputs[1]).constant.count()),
                     {"", weights.layer, ""});
  if (!std::all_of(weights.values.begin(), weights.values.end(), [](float w) { return std::isfinite(w); }))
    throw UsageError("the annotation has weights that are not finite", {"", weights.layer, ""});
  for (const float bias : weights.bias)
    if (!std::isfinite(bias))
      throw UsageError("the annotation has a bias that is not finite", {"", weights.layer, ""});
}

}  // namespace

const Node* find_weighted(const Graph& graph, std::string_view name) {
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (weighted_traits(node) != nullptr && node.name == name && graph.value(node.inputs.at(1)).constant)
      return &node;
  }
  return nullptr;
}

std::int64_t weight_channels(const Graph& graph, const Node& node) {
  return static_cast<std::int64_t>(weight_channels_of(graph, node).count());
}

Document annotate(const Document& document, const Annotation& annotation) {
  return in_context({document.xml_path.string(), "", ""}, [&] {
    Document result = document;
    if (result.legacy()) {
      strip_legacy(result);
    } else {
      strip_opset(result);
    }
    const Graph graph = to_graph(result);
    for (const Annotation::Activation& activation : annotation.activations)
      check_activation(activation, graph);
    for (const Annotation::Weights& weights : annotation.weights) check_weights(weights, graph);
    if (result.legacy()) {
      annotate_legacy(result, annotation, graph);
    } else {
      annotate_opset(result, annotation, graph);
    }
    return result;
  });
}

}  // namespace refcalib::engine::ir
