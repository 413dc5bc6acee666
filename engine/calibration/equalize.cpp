#include "engine/calibration/equalize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <refcalib/equalization.hpp>
#include <set>
#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/channel_classes.h"
#include "engine/calibration/editable_layer.h"
#include "engine/ops/activation.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

void divide_output(EditableLayer& layer, std::size_t channel, double factor) {
  for (std::size_t k = 0; k < layer.geometry.depth; ++k) {
    float& w = layer.weights[layer.geometry.weight(channel, k)];
    w = static_cast<float>(static_cast<double>(w) / factor);
  }
  layer.bias[channel] = static_cast<float>(static_cast<double>(layer.bias[channel]) / factor);
}

std::size_t area_of(const LayerGeometry& geometry) {
  std::size_t area = 1;
  for (const std::int64_t k : geometry.kernel) area *= static_cast<std::size_t>(k);
  return area;
}

void multiply_input(EditableLayer& layer, std::size_t channel, double factor) {
  const LayerGeometry& g = layer.geometry;
  const std::size_t area = area_of(g);
  const std::size_t inputs = g.depth / area, group = channel / inputs, first = channel % inputs * area;
  for (std::size_t o = group * g.outputs; o < (group + 1) * g.outputs; ++o)
    for (std::size_t k = first; k < first + area; ++k) {
      float& w = layer.weights[g.weight(o, k)];
      w = static_cast<float>(static_cast<double>(w) * factor);
    }
}

/// Largest magnitudes of a layer's weights by output and by input channel.
struct WeightRanges {
  std::vector<double> outputs, inputs;
};

WeightRanges weight_ranges(const EditableLayer& layer) {
  const LayerGeometry& g = layer.geometry;
  const std::size_t area = area_of(g), inputs = g.depth / area;
  WeightRanges ranges{std::vector<double>(g.channels(), 0.0), std::vector<double>(g.groups * inputs, 0.0)};
  for (std::size_t o = 0; o < g.channels(); ++o)
    for (std::size_t k = 0; k < g.depth; ++k) {
      const double magnitude = std::abs(static_cast<double>(layer.weights[g.weight(o, k)]));
      double& in = ranges.inputs[o / g.outputs * inputs + k / area];
      ranges.outputs[o] = std::max(ranges.outputs[o], magnitude);
      in = std::max(in, magnitude);
    }
  return ranges;
}

/// The upper limit that a value is clamped to where it is produced; infinity if there is none.
double upper_clamp(const Graph& simplified, ValueId id) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Node* const producer = simplified.producer(id);
  if (producer == nullptr) return infinity;
  if (const WeightedTraits* const traits = weighted_traits(*producer))
    return traits->activation(producer->attributes).high;
  if (producer->op == "Eltwise") return producer->attributes.as<EltwiseAttributes>().activation.high;
  if (producer->op != "Activation") return infinity;
  const auto& activation = producer->attributes.as<ActivationAttributes>();
  return activation.function == "clamp" ? activation.beta : infinity;
}

/// Scales classes of channels.
class Equalization {
 public:
  Equalization(const Graph& simplified, std::map<NodeId, EditableLayer>& layers,
               std::vector<ChannelClass> classes, const std::map<ValueId, std::vector<double>>& ranges)
      : simplified_(simplified),
        layers_(layers),
        classes_(std::move(classes)),
        factors_(classes_.size(), 1.0) {
    for (const ChannelClass& channels : classes_) bounds_.push_back(bounds(channels, ranges));
    for (std::size_t c = 0; c < classes_.size(); ++c) groups_[classes_[c].values.front().id].push_back(c);
  }

  void even_out_values(const std::map<ValueId, std::vector<double>>& ranges, double strength) {
    for (std::size_t c = 0; c < classes_.size(); ++c) scale(c, factor(classes_[c], ranges, strength));
  }

  void even_out_weights(int sweeps) {
    for (int sweep = 0; sweep < sweeps; ++sweep)
      for (const auto& [value, group] : groups_) even_out_group(group);
  }

  const std::set<NodeId>& changed() const noexcept { return changed_; }

 private:
  /// The largest of the factors that the values of a class ask for, so that none of them leaves its tensor's range. 1 for channels of
  /// which no range is known.
  static double factor(const ChannelClass& channels, const std::map<ValueId, std::vector<double>>& ranges,
                       double strength) {
    double factor = 0;
    for (const ChannelOf& value : channels.values)
      if (const auto found = ranges.find(value.id); found != ranges.end())
        factor = std::max(factor, equalize_ranges(found->second, strength).at(value.channel));
    return factor > 0 ? factor : 1;
  }

  /// Factors with which no value of a class leaves its tensor's range, none that a clamp cuts off is cut off elsewhere, and none becomes
  /// so small that its share of the tensor's levels is lost.
  FactorBounds bounds(const ChannelClass& channels,
                      const std::map<ValueId, std::vector<double>>& ranges) const {
    constexpr double extreme = 4096, margin = 1.1, smallest_share = 1.0 / 16;
    FactorBounds bounds{1 / extreme, extreme};
    bool known = false;
    for (const ChannelOf& value : channels.values) {
      const double clamp = upper_clamp(simplified_, value.id);
      const auto found = ranges.find(value.id);
      if (found == ranges.end()) {
        if (std::isfinite(clamp)) return {};
        continue;
      }
      known = true;
      const double own = found->second.at(value.channel);
      const double largest = *std::max_element(found->second.begin(), found->second.end());
      if (!std::isfinite(largest) || own >= clamp * (1 - 1e-5)) return {};
      if (own == 0) continue;
      bounds.least = std::max(bounds.least, std::min(1.0, margin * own / largest));
      bounds.most = std::min(bounds.most, std::max(1.0, own / (smallest_share * largest)));
    }
    return known ? bounds : FactorBounds{};
  }

  void even_out_group(const std::vector<std::size_t>& group) {
    std::map<NodeId, WeightRanges> ranges;
    const auto ranges_of = [&](NodeId id) -> const WeightRanges& {
      const auto found = ranges.find(id);
      return found != ranges.end() ? found->second
                                   : ranges.emplace(id, weight_ranges(layers_.at(id))).first->second;
    };
    std::vector<double> first, second;
    std::vector<FactorBounds> bounds;
    for (const std::size_t c : group) {
      first.push_back(0);
      for (const ChannelOf& end : classes_[c].sources)
        first.back() = std::max(first.back(), ranges_of(end.id).outputs[end.channel]);
      second.push_back(0);
      for (const ChannelOf& end : classes_[c].sinks)
        second.back() = std::max(second.back(), ranges_of(end.id).inputs[end.channel]);
      bounds.push_back({bounds_[c].least / factors_[c], bounds_[c].most / factors_[c]});
    }
    const std::vector<double> change = equalize_shared(first, second, bounds);
    for (std::size_t i = 0; i < group.size(); ++i) scale(group[i], factors_[group[i]] * change[i]);
  }

  /// Brings the factor of a class to `wanted`.
  void scale(std::size_t c, double wanted) {
    const double change = wanted / factors_[c];
    if (change == 1) return;
    factors_[c] = wanted;
    for (const ChannelOf& source : classes_[c].sources) {
      divide_output(layers_.at(source.id), source.channel, change);
      changed_.insert(source.id);
    }
    for (const ChannelOf& sink : classes_[c].sinks) {
      multiply_input(layers_.at(sink.id), sink.channel, change);
      changed_.insert(sink.id);
    }
  }

  const Graph& simplified_;
  std::map<NodeId, EditableLayer>& layers_;
  std::vector<ChannelClass> classes_;
  std::vector<double> factors_;
  std::vector<FactorBounds> bounds_;                    ///< of each class
  std::map<ValueId, std::vector<std::size_t>> groups_;  ///< classes by their first value
  std::set<NodeId> changed_;
};

}  // namespace

Equalized equalize(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                   const ChannelRanges& ranges, const EqualizeOptions& options) {
  std::map<NodeId, EditableLayer> layers;
  for (const NodeId id : weighted)
    if (auto layer = editable_layer(original, simplified, simplified.node(id)))
      layers.emplace(id, std::move(*layer));
  std::map<ValueId, std::vector<double>> of_values;
  for (const auto& [name, range] : ranges)
    if (const ValueId id = simplified.find_value(name); id != kNone) of_values[id] = range;
  Equalization equalization(simplified, layers,
                            channel_classes(simplified, [&](NodeId id) { return layers.contains(id); }),
                            of_values);
  constexpr int sweeps = 10;
  if (options.weights)
    equalization.even_out_weights(sweeps);
  else
    equalization.even_out_values(of_values, options.strength);
  Equalized result{original, {}};
  for (const NodeId id : equalization.changed()) {
    const EditableLayer& layer = layers.at(id);
    const std::string& name = simplified.node(id).name;
    replace_weights(result.graph, layer.original, layer.weights);
    replace_bias(result.graph, layer.original, layer.bias, name + "/equalized_bias");
    result.layers.push_back(name);
  }
  return result;
}

}  // namespace refcalib::engine
