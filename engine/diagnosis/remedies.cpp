#include "engine/diagnosis/remedies.h"

#include <algorithm>
#include <cmath>

#include "engine/core/error.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

QuantizationRange widened_to_zero(float low, float high) {
  return {std::min(low, 0.0F), std::max(high, 0.0F)};
}

std::optional<LayerChange> weights_anew(const Graph& reference, const LayerChange& change,
                                        const ValueError&) {
  LayerChange cured = change;
  const Node& node = reference.node(change.node);
  const Constant& source = reference.value(node.inputs[1]).constant;
  std::vector<float> w = source.to_floats();
  const WeightChannels channel = weight_channels_of(reference, node);
  std::vector<float> reach(channel.count(), 0.0F);
  for (std::size_t i = 0; i < w.size(); ++i)
    reach[channel.of(i)] = std::max(reach[channel.of(i)], std::abs(w[i]));
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float step = std::max(reach[channel.of(i)], 1e-30F) / 127;
    w[i] = std::nearbyint(w[i] / step) * step;
  }
  cured.weights = Constant::f32(source.shape(), std::move(w));
  cured.bias.reset();
  return cured;
}

std::optional<LayerChange> float_bias(const Graph&, const LayerChange& change, const ValueError&) {
  LayerChange cured = change;
  cured.bias.reset();
  return cured;
}

std::optional<LayerChange> all_values(const Graph&, const LayerChange& change, const ValueError& value) {
  LayerChange cured = change;
  QuantizationRange all{};
  for (const ChannelError& channel : value.channels)
    all = {std::min(all.low, channel.reference_min), std::max(all.high, channel.reference_max)};
  cured.stored = {all};
  return cured;
}

std::optional<LayerChange> per_channel(const Graph&, const LayerChange& change, const ValueError& value) {
  LayerChange cured = change;
  cured.stored.clear();
  for (const ChannelError& channel : value.channels)
    cured.stored.push_back(widened_to_zero(channel.reference_min, channel.reference_max));
  return cured;
}

/// As if every channel were shifted to begin or end at zero, which the next layer's bias can take back.
std::optional<LayerChange> moved_to_zero(const Graph&, const LayerChange& change, const ValueError& value) {
  LayerChange cured = change;
  cured.stored.clear();
  for (const ChannelError& channel : value.channels)
    cured.stored.push_back({channel.reference_min, channel.reference_max});
  return cured;
}

std::optional<LayerChange> in_float(const Graph&, const LayerChange&, const ValueError&) {
  return std::nullopt;
}

}  // namespace

const std::vector<Remedy>& remedies() {
  static const std::vector<Remedy> table = {
      {"weights anew", "calibrate from the float model again, with --weights per-channel", weights_anew},
      {"bias of the float model", "calibrate from the float model again", float_bias},
      {"all values", "calibrate with --method minmax, or with images that reach these values", all_values},
      {"limits of its own", "keep the concatenation behind it in FP32 (--ignore-layer-names)", all_values},
      {"scale per channel", "equalize the channels of this layer and the next one", per_channel},
      {"move to zero", "shift the channels of this layer into the bias of the next one", moved_to_zero},
      {"float", "keep the layer in FP32 (--ignore-layer-names)", in_float},
  };
  return table;
}

const Remedy& find_remedy(std::string_view name) {
  const auto found = std::find_if(remedies().begin(), remedies().end(),
                                  [&](const Remedy& remedy) { return remedy.name == name; });
  if (found == remedies().end()) throw Error("internal: a reason names a remedy that does not exist");
  return *found;
}

}  // namespace refcalib::engine
