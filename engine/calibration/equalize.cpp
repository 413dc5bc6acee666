#include "engine/calibration/equalize.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <refcalib/equalization.hpp>
#include <set>
#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/channel_classes.h"
#include "engine/calibration/editable_layer.h"

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

/// Largest magnitude of an output or input channel of a layer.
double largest_weight(const EditableLayer& layer,
                      const std::function<bool(std::size_t, std::size_t)>& belongs) {
  double largest = 0;
  for (std::size_t o = 0; o < layer.geometry.channels(); ++o)
    for (std::size_t k = 0; k < layer.geometry.depth; ++k)
      if (belongs(o, k))
        largest =
            std::max(largest, std::abs(static_cast<double>(layer.weights[layer.geometry.weight(o, k)])));
  return largest;
}

/// Scales classes of channels.
class Equalization {
 public:
  Equalization(std::map<NodeId, EditableLayer>& layers, std::vector<ChannelClass> classes,
               const std::map<ValueId, std::vector<double>>& ranges)
      : layers_(layers), classes_(std::move(classes)), factors_(classes_.size(), 1.0) {
    for (const ChannelClass& channels : classes_) least_.push_back(factor(channels, ranges, 1.0));
    for (std::size_t c = 0; c < classes_.size(); ++c) groups_[classes_[c].values.front().id].push_back(c);
  }

  void even_out_values(const std::map<ValueId, std::vector<double>>& ranges, double strength) {
    for (std::size_t c = 0; c < classes_.size(); ++c) scale(c, factor(classes_[c], ranges, strength));
  }

  void even_out_weights(int sweeps) {
    for (int sweep = 0; sweep < sweeps; ++sweep)
      for (const auto& [value, group] : groups_) {
        std::vector<double> first, second;
        for (const std::size_t c : group) {
          first.push_back(range_of(classes_[c].sources, true));
          second.push_back(range_of(classes_[c].sinks, false));
        }
        std::vector<double> wanted = equalize_pair(first, second);
        double largest = 0;
        for (std::size_t i = 0; i < group.size(); ++i)
          largest = std::max(largest, wanted[i] *= factors_[group[i]]);
        for (std::size_t i = 0; i < group.size(); ++i)
          scale(group[i], std::clamp(wanted[i] / largest, least_[group[i]], 1.0));
      }
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

  double range_of(const std::vector<ChannelOf>& ends, bool outputs) const {
    double largest = 0;
    for (const ChannelOf& end : ends) {
      const EditableLayer& layer = layers_.at(end.id);
      const std::size_t area = area_of(layer.geometry), inputs = layer.geometry.depth / area;
      largest = std::max(largest, largest_weight(layer, [&](std::size_t o, std::size_t k) {
                           return outputs ? o == end.channel
                                          : o / layer.geometry.outputs * inputs + k / area == end.channel;
                         }));
    }
    return largest;
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

  std::map<NodeId, EditableLayer>& layers_;
  std::vector<ChannelClass> classes_;
  std::vector<double> factors_, least_;
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
  Equalization equalization(
      layers, channel_classes(simplified, [&](NodeId id) { return layers.contains(id); }), of_values);
  constexpr int sweeps = 4;
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
