#include "engine/calibration/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/calibration/weight_ranges.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

/// Which input channel each element of the weights meets.
struct InputChannels {
  std::size_t outputs = 1, inputs = 1, area = 1;  ///< [groups][outputs][inputs][area]
  bool transposed = false;                        ///< of a MatMul: [inputs][outputs]

  std::size_t of(std::size_t element) const noexcept {
    if (transposed) return element / outputs;
    const std::size_t row = element / area;
    return row / (outputs * inputs) * inputs + row % inputs;
  }
};

std::optional<InputChannels> input_channels(const Graph& graph, const Node& node) {
  const Shape& w = graph.value(node.inputs[1]).shape;
  if (node.op == "Convolution") {
    InputChannels channels;
    channels.outputs = static_cast<std::size_t>(w[1]);
    channels.inputs = static_cast<std::size_t>(w[2]);
    for (std::size_t d = 3; d < w.size(); ++d) channels.area *= static_cast<std::size_t>(w[d]);
    return channels;
  }
  if (node.op != "MatMul" || w.size() != 2 || graph.value(node.inputs[0]).shape.size() != 2)
    return std::nullopt;
  const auto& m = node.attributes.as<MatMulAttributes>();
  if (m.transpose_a) return std::nullopt;
  InputChannels channels;
  channels.inputs = static_cast<std::size_t>(w[m.transpose_b ? 1 : 0]);
  channels.outputs = static_cast<std::size_t>(w[m.transpose_b ? 0 : 1]);
  channels.transposed = !m.transpose_b;
  return channels;
}

struct Bias {
  std::vector<float> values;
  bool corrected = false;  ///< by an earlier calibration, of which the file keeps no trace but the name
};

/// The bias of a node: its third input, the constant of an addition behind it, or zeros.
std::optional<Bias> bias_of(const Graph& graph, const Node& node, std::size_t channels) {
  const auto fitting = [&](ValueId id) -> std::optional<Bias> {
    const Value& value = graph.value(id);
    if (!value.constant) return std::nullopt;
    Bias bias{value.constant.to_floats(), value.name.ends_with(kCorrectedBiasSuffix)};
    if (bias.values.size() == 1) bias.values.resize(channels, bias.values.front());
    if (bias.values.size() != channels) return std::nullopt;
    return bias;
  };
  if (node.inputs.size() > 2) return fitting(node.inputs[2]);
  const std::vector<NodeId> readers = graph.consumers(node.outputs.front());
  if (readers.size() == 1 && !graph.is_output(node.outputs.front())) {
    const Node& reader = graph.node(readers.front());
    if (reader.op == "Eltwise" && reader.attributes.as<EltwiseAttributes>().operation == "add" &&
        reader.inputs.size() == 2) {
      const ValueId other = reader.inputs[reader.inputs[0] == node.outputs.front() ? 1 : 0];
      if (graph.value(other).constant) return fitting(other);
    }
  }
  return Bias{std::vector<float>(channels, 0.0F)};
}

}  // namespace

std::vector<float> corrected_bias(const Graph& graph, const Node& node, const Constant& weights,
                                  const std::vector<QuantizationRange>& ranges,
                                  const std::vector<float>& means) {
  const std::optional<InputChannels> inputs = input_channels(graph, node);
  if (!inputs) return {};
  const WeightChannels channel = weight_channels_of(graph, node);
  std::optional<Bias> bias = bias_of(graph, node, channel.count());
  if (!bias) return {};
  if (bias->corrected) return bias->values;
  const Quantization q = weight_quantization(ranges, 255);
  const std::vector<float> w = weights.to_floats();
  std::vector<double> shift(channel.count(), 0.0);
  for (std::size_t e = 0; e < w.size(); ++e) {
    const std::size_t o = channel.of(e), i = inputs->of(e);
    if (i >= means.size()) return {};
    const float scale = q.scale[q.per_channel() ? o : 0];
    const float integer = std::clamp(std::nearbyint(w[e] * (1.0F / scale)), -127.0F, 127.0F);
    shift[o] += (static_cast<double>(integer) * scale - static_cast<double>(w[e])) * means[i];
  }
  bool changed = false;
  for (std::size_t o = 0; o < bias->values.size(); ++o) {
    const auto corrected = static_cast<float>(static_cast<double>(bias->values[o]) - shift[o]);
    if (!std::isfinite(corrected)) return {};
    changed = changed || corrected != bias->values[o];
    bias->values[o] = corrected;
  }
  return changed ? bias->values : std::vector<float>{};
}

void correct_biases(CalibrationState& state) {
  for (const NodeId id : state.plan.candidates.weighted) {
    const Node& node = state.plan.simplified.node(id);
    const auto input = state.statistics.values.find(state.plan.simplified.value(node.inputs.front()).name);
    if (input == state.statistics.values.end()) continue;
    for (ir::Annotation::Weights& weights : state.annotation.weights) {
      if (weights.layer != node.name) continue;
      const Node* const source = source_layer(state.original, node.name);
      const Constant* const constant = source == nullptr ? nullptr : source_weights(state.original, *source);
      if (constant != nullptr)
        weights.bias =
            corrected_bias(state.original, *source, *constant, weights.range, input->second.channel_means());
    }
  }
}

}  // namespace refcalib::engine
