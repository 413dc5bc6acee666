#include "engine/calibration/layer_trial.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <refcalib/quantize.hpp>
#include <string>
#include <utility>

#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

Constant rounded_weights(const Graph& graph, const Node& node, const std::vector<QuantizationRange>& ranges) {
  const Constant& weights = graph.value(node.inputs[1]).constant;
  const WeightChannels channel = weight_channels_of(graph, node);
  const Quantization q = weight_quantization(ranges, 255);
  std::vector<float> w = weights.to_floats();
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float scale = q.scale[q.per_channel() ? channel.of(i) : 0];
    w[i] = scale * std::clamp(std::nearbyint(w[i] * (1.0F / scale)), -127.0F, 127.0F);
  }
  return Constant::f32(weights.shape(), std::move(w));
}

/// A graph of the one node; its computed inputs become inputs of the graph, each once.
Graph single_layer(const Graph& whole, const Node& node, const std::vector<QuantizationRange>& weights,
                   std::vector<ValueId>& inputs) {
  Graph graph;
  graph.name = node.name;
  Node copy{node.name, node.op, node.attributes, {}, {}, PrecisionHint::keep_float, false};
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Value& value = whole.value(node.inputs[i]);
    if (value.constant) {
      const bool rounds = i == 1 && !weights.empty();
      copy.inputs.push_back(
          graph.add_constant(value.name, rounds ? rounded_weights(whole, node, weights) : value.constant));
      continue;
    }
    const auto known = std::find(inputs.begin(), inputs.end(), node.inputs[i]);
    if (known != inputs.end()) {
      copy.inputs.push_back(graph.inputs[static_cast<std::size_t>(known - inputs.begin())]);
      continue;
    }
    inputs.push_back(node.inputs[i]);
    copy.inputs.push_back(graph.add_input(value.name, value.dtype, value.shape));
  }
  const Value& result = whole.value(node.outputs.front());
  Value output;
  output.name = result.name;
  output.dtype = result.dtype;
  output.shape = result.shape;
  copy.outputs.push_back(graph.add_value(std::move(output)));
  graph.outputs = copy.outputs;
  graph.add_node(std::move(copy));
  return graph;
}

}  // namespace

LayerTrial::LayerTrial(const Graph& simplified, const Node& node,
                       const std::vector<QuantizationRange>& weights, int threads)
    : output_(node.outputs.front()) {
  CompileOptions compile = default_options();
  compile.int8 = false;
  session_ = std::make_unique<Session>(
      Program::compile(single_layer(simplified, node, weights, inputs_), compile), threads);
}

std::vector<ValueId> LayerTrial::values() const {
  std::vector<ValueId> all = inputs_;
  all.push_back(output_);
  return all;
}

double LayerTrial::error(const RecordedValues& record, std::span<const ValueId> quantized,
                         const QuantizationRange& range) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const std::vector<float>& seen = record.at(inputs_[i]);
    const bool rounds = std::find(quantized.begin(), quantized.end(), inputs_[i]) != quantized.end();
    std::ranges::copy(rounds ? rounded(seen, range) : seen, session_->input(i).begin());
  }
  session_->run();
  return relative_error(record.at(output_), session_->output(0));
}

double relative_error(std::span<const float> wanted, std::span<const float> got) {
  double error = 0, square = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double w = wanted[i], d = w - static_cast<double>(got[i]);
    error += d * d;
    square += w * w;
  }
  if (square > 0) return error / square;
  return error > 0 ? std::numeric_limits<double>::infinity() : 0.0;
}

std::vector<float> rounded(std::span<const float> values, const QuantizationRange& range) {
  const Quantization q = activation_quantization({range}, 256);
  std::vector<float> result(values.size());
  const QuantParams params{q.scale.front(), q.zero_point, kUint8};
  fake_quantize(values, std::span<float>(result), params);
  return result;
}

}  // namespace refcalib::engine
