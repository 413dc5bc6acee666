#include "engine/calibration/weight_ranges.h"

#include <algorithm>
#include <cmath>
#include <refcalib/params.hpp>
#include <refcalib/quantization_noise.hpp>
#include <refcalib/saturation.hpp>
#include <string>

#include "engine/core/error.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {

const Node* source_layer(const Graph& original, const std::string& name) {
  for (const NodeId id : original.order()) {
    const Node& node = original.node(id);
    if (node.name == name && source_weights(original, node) != nullptr) return &node;
  }
  return nullptr;
}

const Constant* source_weights(const Graph& original, const Node& node) {
  if (node.inputs.size() < 2) return nullptr;
  ValueId id = node.inputs[1];
  while (!original.value(id).constant) {
    const Node* producer = original.producer(id);
    if (producer == nullptr || (producer->op != "FakeQuantize" && producer->op != "Reshape")) return nullptr;
    id = producer->inputs.front();
  }
  return &original.value(id).constant;
}

WeightSelection::WeightSelection(const CalibrationOptions& options)
    : per_channel_(options.per_channel_weights),
      power_of_two_(options.target.power_of_two_weights),
      steps_(options.seven_bit_weights ? std::min(options.target.weight_steps(), int{kInt7Narrow.qmax})
                                       : options.target.weight_steps()) {
  // Of the candidates on a channel's few values every sixteenth is as good as all.
  ThresholdOptions defaults;
  defaults.mse.step = 16;
  if (options.kl_bins != 0) defaults.kl.bins = options.kl_bins;
  spec_ = parse_method(options.weights_method, defaults);
  const TargetProfile& target = options.target;
  if (spec_.automatic() || spec_.method->needs != ThresholdNeeds::histogram)
    throw UsageError("method '" + options.weights_method + "' looks at images, which weights do not have");
  constexpr int all_steps = 127;
  if (spec_.method->name != "minmax" && steps_ < all_steps)
    throw UsageError("weights of " +
                     (target.weight_bits < 8 ? std::to_string(target.weight_bits) + " bits, as target '" +
                                                   target.name + "' has them,"
                                             : std::string("7 bits")) +
                     " cannot be clipped; use minmax for weights");
  if (per_channel_ ? !target.per_channel_weights : !target.per_tensor_weights)
    throw UsageError("target '" + target.name + "' has no " + (per_channel_ ? "per-channel" : "per-tensor") +
                     " scales of weights; use " + (per_channel_ ? "per-tensor" : "per-channel") + " ones");
}

/// The largest magnitude that 255 levels shall represent.
float WeightSelection::limit(std::span<const float> values) const {
  constexpr int steps = 127;
  float top = 0;
  for (const float v : values) top = std::max(top, std::abs(v));
  // A channel of zeros, or of denormal size, has no scale of its own.
  constexpr float smallest = 1e-30F;
  if (top < smallest) return 1.0F;
  const bool keeps_all = spec_.method->name == "minmax";
  if (keeps_all && steps_ == steps && !power_of_two_) return top;
  const Levels levels{-steps_, steps_};
  if (keeps_all) {
    const Range all{-top, top};
    return steps * (power_of_two_ ? choose_power_of_two(all, levels) : choose_symmetric(all, levels)).scale;
  }
  Histogram histogram;
  histogram.update(values);
  const Range found = spec_.method->search(histogram, levels, Scheme::symmetric, spec_.options);
  const QuantParams params =
      power_of_two_ ? choose_power_of_two(found, levels, histogram) : choose_symmetric(found, levels);
  return steps * params.scale;
}

std::vector<QuantizationRange> WeightSelection::ranges(const Graph& original, const Node& node,
                                                       const Constant& weights) const {
  const std::vector<float> w = weights.to_floats();
  const WeightChannels channel = weight_channels_of(original, node);
  std::vector<std::vector<float>> values(per_channel_ ? channel.count() : 1);
  for (std::size_t i = 0; i < w.size(); ++i) values[per_channel_ ? channel.of(i) : 0].push_back(w[i]);
  std::vector<QuantizationRange> ranges;
  for (const std::vector<float>& own : values) {
    const float top = limit(own);
    ranges.push_back({-top, top});
  }
  return ranges;
}

}  // namespace refcalib::engine
