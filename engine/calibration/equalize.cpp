#include "engine/calibration/equalize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <refcalib/equalization.hpp>
#include <set>
#include <span>
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

  /// Each set of classes that share values to the strength that promises the least noise.
  void even_out_noise(const std::map<ValueId, std::vector<double>>& ranges,
                      const std::map<ValueId, std::vector<double>>& deviations) {
    constexpr std::array strengths{0.0, 0.25, 0.5, 0.75, 1.0};
    for (const std::vector<std::size_t>& connected : connected_classes()) {
      std::vector<double> best;
      double least = std::numeric_limits<double>::infinity();
      for (const double strength : strengths) {
        std::vector<double> factors;
        for (const std::size_t c : connected) factors.push_back(factor(classes_[c], ranges, strength));
        const double noise = noise_of(connected, factors, ranges, deviations);
        if (!(noise < least)) continue;
        least = noise;
        best = std::move(factors);
      }
      for (std::size_t i = 0; i < best.size(); ++i) scale(connected[i], best[i]);
    }
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

  /// Classes that share values, together.
  std::vector<std::vector<std::size_t>> connected_classes() const {
    std::map<ValueId, std::size_t> set_of;
    std::vector<std::vector<std::size_t>> sets(classes_.size());
    std::vector<std::size_t> own(classes_.size());
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      sets[c] = {c};
      own[c] = c;
      for (const ChannelOf& value : classes_[c].values) {
        const auto [known, is_new] = set_of.emplace(value.id, c);
        if (is_new || own[known->second] == own[c]) continue;
        const std::size_t into = std::min(own[known->second], own[c]),
                          from = std::max(own[known->second], own[c]);
        for (const std::size_t moved : sets[from]) own[moved] = into;
        sets[into].insert(sets[into].end(), sets[from].begin(), sets[from].end());
        sets[from].clear();
      }
    }
    std::erase_if(sets, [](const std::vector<std::size_t>& set) { return set.empty(); });
    return sets;
  }

  /// What rounding brings to the layers that read the classes, summed over these; infinity if their values are not known.
  double noise_of(const std::vector<std::size_t>& connected, const std::vector<double>& factors,
                  const std::map<ValueId, std::vector<double>>& ranges,
                  const std::map<ValueId, std::vector<double>>& deviations) const {
    constexpr double levels = 255;
    // Channels of what one layer writes share a step.
    std::map<ValueId, double> largest;
    for (std::size_t i = 0; i < connected.size(); ++i) {
      const ChannelOf& value = classes_[connected[i]].values.front();
      if (const auto range = ranges.find(value.id); range != ranges.end())
        largest[value.id] = std::max(largest[value.id], range->second.at(value.channel) / factors[i]);
    }
    std::map<NodeId, std::vector<double>> factor_of, step_of;
    for (std::size_t i = 0; i < connected.size(); ++i)
      for (const ChannelOf& sink : classes_[connected[i]].sinks) {
        const LayerGeometry& g = layers_.at(sink.id).geometry;
        const std::size_t inputs = g.groups * (g.depth / area_of(g));
        factor_of[sink.id].resize(inputs, 1.0);
        step_of[sink.id].resize(inputs, 0.0);
        factor_of[sink.id][sink.channel] = factors[i];
        const auto top = largest.find(classes_[connected[i]].values.front().id);
        if (top != largest.end()) step_of[sink.id][sink.channel] = top->second / levels;
      }
    double noise = 0;
    for (const auto& [id, own] : factor_of) {
      const auto deviation = deviations.find(simplified_.node(id).inputs.front());
      if (deviation == deviations.end() || deviation->second.size() != own.size())
        return std::numeric_limits<double>::infinity();
      noise += layer_noise(layers_.at(id), own, step_of.at(id), deviation->second);
    }
    return noise;
  }

  static double layer_noise(const EditableLayer& layer, std::span<const double> factors,
                            std::span<const double> steps, std::span<const double> deviations) {
    const LayerGeometry& g = layer.geometry;
    const std::size_t inputs = factors.size() / g.groups;
    double noise = 0;
    std::vector<double> weights;
    for (std::size_t group = 0; group < g.groups; ++group) {
      weights.clear();
      for (std::size_t o = group * g.outputs; o < (group + 1) * g.outputs; ++o)
        for (std::size_t k = 0; k < g.depth; ++k)
          weights.push_back(static_cast<double>(layer.weights[g.weight(o, k)]));
      const std::size_t first = group * inputs;
      noise += rounding_noise(weights, g.outputs, factors.subspan(first, inputs),
                              steps.subspan(first, inputs), deviations.subspan(first, inputs));
    }
    return noise / static_cast<double>(g.groups);
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
  const auto by_value = [&](const ChannelFigures& figures) {
    std::map<ValueId, std::vector<double>> found;
    for (const auto& [name, values] : figures)
      if (const ValueId id = simplified.find_value(name); id != kNone) found[id] = values;
    return found;
  };
  const std::map<ValueId, std::vector<double>> of_values = by_value(ranges);
  Equalization equalization(simplified, layers,
                            channel_classes(simplified, [&](NodeId id) { return layers.contains(id); }),
                            of_values);
  constexpr int sweeps = 10;
  if (options.weights)
    equalization.even_out_weights(sweeps);
  else if (!options.deviations.empty())
    equalization.even_out_noise(of_values, by_value(options.deviations));
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
