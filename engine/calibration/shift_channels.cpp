#include "engine/calibration/shift_channels.h"

#include <algorithm>
#include <limits>
#include <refcalib/channel_alignment.hpp>
#include <refcalib/equalization.hpp>
#include <set>
#include <string>
#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/editable_layer.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

using Layers = std::map<NodeId, EditableLayer>;

/// True if no output of the layer meets zero padding.
bool reads_no_padding(const LayerGeometry& g) {
  for (std::size_t d = 0; d < g.kernel.size(); ++d) {
    const std::int64_t last = (g.positions[d + 1] - 1) * g.strides[d] + (g.kernel[d] - 1) * g.dilations[d];
    if (g.pads[d] != 0 || last >= g.input[d + 2]) return false;
  }
  return true;
}

/// The layers that read a value, if nothing else does and all of them can take a shift of it; else empty.
std::vector<NodeId> takers(const Graph& simplified, ValueId value, const Layers& layers) {
  if (simplified.is_output(value)) return {};
  std::vector<NodeId> readers = simplified.consumers(value);
  const bool all = std::all_of(readers.begin(), readers.end(), [&](NodeId id) {
    const auto layer = layers.find(id);
    const Node& node = simplified.node(id);
    return layer != layers.end() && node.inputs.front() == value &&
           std::count(node.inputs.begin(), node.inputs.end(), value) == 1 &&
           reads_no_padding(layer->second.geometry);
  });
  return all ? readers : std::vector<NodeId>{};
}

/// What each channel of a layer's output can give away; empty: nothing.
using ShiftOf = std::vector<double> (*)(const Node& node, const ChannelLimits& limits);

std::vector<double> high_bias(const Node& node, const ChannelLimits& limits) {
  const WeightedTraits& traits = *weighted_traits(node);
  const FusedActivation activation = traits.activation(node.attributes);
  if (activation.low != 0 || activation.slope_input >= 0 || traits.has_residual(node.attributes)) return {};
  std::vector<double> lowest = limits.low;
  for (std::size_t c = 0; c < lowest.size(); ++c)
    if (limits.high[c] >= activation.high * (1 - 1e-5)) lowest[c] = 0;
  return absorbed_bias(lowest);
}

std::vector<double> middle(const Node& node, const ChannelLimits& limits) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const FusedActivation activation = weighted_traits(node)->activation(node.attributes);
  if (activation.low != -infinity || activation.high != infinity || activation.slope_input >= 0) return {};
  return alignment_shifts(limits.low, limits.high);
}

void add_to_bias(EditableLayer& layer, const std::vector<double>& shift) {
  const LayerGeometry& g = layer.geometry;
  const std::size_t inputs = shift.size() / g.groups;
  for (std::size_t group = 0; group < g.groups; ++group) {
    std::vector<double> weights;
    for (std::size_t o = group * g.outputs; o < (group + 1) * g.outputs; ++o)
      for (std::size_t k = 0; k < g.depth; ++k)
        weights.push_back(static_cast<double>(layer.weights[g.weight(o, k)]));
    const std::vector<double> moved =
        moved_by_inputs(weights, std::span(shift).subspan(group * inputs, inputs), g.outputs);
    for (std::size_t o = 0; o < g.outputs; ++o) {
      float& bias = layer.bias[group * g.outputs + o];
      bias = static_cast<float>(static_cast<double>(bias) + moved[o]);
    }
  }
}

Equalized shift(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                const std::map<std::string, ChannelLimits, std::less<>>& limits, ShiftOf shift_of,
                const std::string& suffix) {
  Layers layers;
  for (const NodeId id : weighted)
    if (auto layer = editable_layer(original, simplified, simplified.node(id)))
      layers.emplace(id, std::move(*layer));
  std::set<NodeId> changed;
  for (auto& [id, layer] : layers) {
    const Node& node = simplified.node(id);
    const ValueId value = node.outputs.front();
    const auto seen = limits.find(simplified.value(value).name);
    const std::vector<NodeId> readers = takers(simplified, value, layers);
    if (readers.empty() || seen == limits.end() || seen->second.low.size() != layer.bias.size()) continue;
    const std::vector<double> shift = shift_of(node, seen->second);
    if (std::all_of(shift.begin(), shift.end(), [](double c) { return c == 0; })) continue;
    for (std::size_t c = 0; c < shift.size(); ++c)
      layer.bias[c] = static_cast<float>(static_cast<double>(layer.bias[c]) - shift[c]);
    changed.insert(id);
    for (const NodeId reader : readers) {
      add_to_bias(layers.at(reader), shift);
      changed.insert(reader);
    }
  }
  Equalized result{original, {}};
  for (const NodeId id : changed) {
    const std::string& name = simplified.node(id).name;
    replace_bias(result.graph, layers.at(id).original, layers.at(id).bias, name + suffix);
    result.layers.push_back(name);
  }
  return result;
}

}  // namespace

Equalized absorb_biases(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                        const std::map<std::string, ChannelLimits, std::less<>>& limits) {
  return shift(original, simplified, weighted, limits, high_bias, "/absorbed_bias");
}

Equalized align_channels(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                         const std::map<std::string, ChannelLimits, std::less<>>& limits) {
  return shift(original, simplified, weighted, limits, middle, "/aligned_bias");
}

}  // namespace refcalib::engine
