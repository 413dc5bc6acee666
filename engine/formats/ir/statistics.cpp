#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/formats/ir/pre_process.h"
#include "engine/formats/ir/stored_quantization.h"
#include "engine/ops/activation.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine::ir {
namespace {

/// Extremes per channel.
struct Extremes {
  std::vector<float> min, max;
};

/// A ReLU or a Clamp from 0: what a convolution in front of it absorbs.
bool is_relu(const Node& node) {
  if (node.op != "Activation") return false;
  const auto& attributes = node.attributes.as<ActivationAttributes>();
  return attributes.function == "relu" || (attributes.function == "clamp" && attributes.alpha == 0);
}

/// A depthwise convolution in the sense of that engine: of more than one channel.
bool by_channel(const Graph& graph, const Node& node) {
  return is_depthwise(graph, node) && graph.value(node.inputs.at(1)).shape[0] > 1;
}

/// Gives every value the statistics that count for it. Statistics describe the output of a layer by its name;
/// a value in front of its only reader, a ReLU, takes those of the ReLU, because both run as one.
class Normalizer {
 public:
  Normalizer(const Document& document, Graph& graph) : graph_(graph) {
    for (const LayerStatistics& entry : document.statistics) raw_.emplace(entry.layer, &entry);
  }

  void run() {
    for (const ValueId id : graph_.inputs) visit(id);
    for (const NodeId id : graph_.order())
      if (graph_.node(id).outputs.size() == 1) visit(graph_.node(id).outputs.front());
  }

 private:
  void visit(ValueId id) {
    Value& value = graph_.value(id);
    if (value.shape.size() < 2 || !is_float(value.dtype)) return;
    std::optional<Extremes> extremes = find(id);
    if (!extremes) return;
    const auto channels = static_cast<std::size_t>(value.shape[1]);
    if (extremes->min.size() == 1) {
      extremes->min.resize(channels, extremes->min.front());
      extremes->max.resize(channels, extremes->max.front());
    }
    // Three-dimensional values were counted along another axis; they never run in integers by these
    // statistics.
    if (extremes->min.size() != channels) return;
    if (!runs_as_one(id)) value.quantization = symmetric(*extremes, reads_per_channel(id));
    known_.emplace(id, std::move(*extremes));
  }

  std::optional<Extremes> raw(std::string_view name) const {
    const auto found = raw_.find(name);
    if (found == raw_.end()) return std::nullopt;
    return Extremes{found->second->min, found->second->max};
  }

  std::optional<Extremes> find(ValueId id) const {
    const Value& value = graph_.value(id);
    const std::vector<NodeId> readers = graph_.consumers(id);
    if (readers.size() == 1 && !graph_.is_output(id) && is_relu(graph_.node(readers.front())))
      if (auto fused = raw(graph_.node(readers.front()).name)) return fused;
    const Node* producer = graph_.producer(id);
    const bool pooled = producer != nullptr && producer->op == "Pooling";
    if (!pooled)
      if (auto own = raw(value.name)) return own;
    std::string_view name = value.name;
    if (name.ends_with(kPreProcessSuffix)) return raw(name.substr(0, name.size() - kPreProcessSuffix.size()));
    if (producer == nullptr) return std::nullopt;
    // Pooling and ReLU keep the scale of what they read.
    const auto source = known_.find(producer->inputs.front());
    if (source == known_.end()) return pooled ? raw(value.name) : std::nullopt;
    if (pooled) return source->second;
    if (!is_relu(*producer)) return std::nullopt;
    Extremes cut = source->second;
    for (float& low : cut.min) low = std::max(low, 0.0f);
    return cut;
  }

  /// True if nothing but a ReLU reads the sum that produces the value: it is never stored.
  bool runs_as_one(ValueId id) const {
    const Node* producer = graph_.producer(id);
    const std::vector<NodeId> readers = graph_.consumers(id);
    return producer != nullptr && !graph_.is_output(id) && readers.size() == 1 &&
           is_relu(graph_.node(readers.front())) &&
           (weighted_traits(*producer) != nullptr || producer->op == "Eltwise");
  }

  /// True if depthwise convolutions, and otherwise only float operations, read the value: they allow a scale
  /// per channel.
  bool reads_per_channel(ValueId id) const {
    const Node* producer = graph_.producer(id);
    if (producer != nullptr && producer->op == "Eltwise") return false;
    bool depthwise = false;
    return allows_channels(id, depthwise, 0) && depthwise;
  }

  bool allows_channels(ValueId id, bool& depthwise, int depth) const {
    constexpr int deepest = 64;
    if (depth > deepest) return false;
    const std::vector<NodeId> readers = graph_.consumers(id);
    return std::all_of(readers.begin(), readers.end(), [&](NodeId reader) {
      const Node& node = graph_.node(reader);
      if (by_channel(graph_, node)) return depthwise = true;
      if (weighted_traits(node) != nullptr || node.op == "Eltwise") return false;
      const bool passes =
          node.op == "Pooling" || node.op == "Concat" || node.op == "Reshape" || is_relu(node);
      return !passes || allows_channels(node.outputs.front(), depthwise, depth + 1);
    });
  }

  static Quantization symmetric(const Extremes& extremes, bool per_channel) {
    const bool negative =
        std::any_of(extremes.min.begin(), extremes.min.end(), [](float x) { return x < 0; });
    std::vector<float> largest;
    for (std::size_t c = 0; c < extremes.min.size(); ++c)
      largest.push_back(std::max(std::abs(extremes.min[c]), std::abs(extremes.max[c])));
    if (!per_channel) largest = {*std::max_element(largest.begin(), largest.end())};
    Quantization result;
    result.zero_point = negative ? 128 : 0;
    for (const float x : largest) {
      const float scale = x / (negative ? 127.0f : 255.0f);
      // Channels that were always 0 get a scale of 1, as the engine that wrote such files has it.
      constexpr float smallest = 1e-7f;
      result.scale.push_back(scale < smallest ? 1.0f : scale);
    }
    return result;
  }

  Graph& graph_;
  std::map<std::string_view, const LayerStatistics*> raw_;
  std::map<ValueId, Extremes> known_;
};

/// The engines that ran these files added the bias to the integer sums, rounded to units of the accumulator: scale of the input
/// times the weights' largest magnitude / 127. A quantization of the bias says so; it counts where the layer runs on integers.
void give_bias_units(Graph& graph) {
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (node.op != "Convolution" || node.inputs.size() < 3) continue;
    const auto& input = graph.value(node.inputs[0]).quantization;
    const Constant &weights = graph.value(node.inputs[1]).constant,
                   bias = graph.value(node.inputs[2]).constant;
    if (!input || !weights || !bias || (input->per_channel() && !is_depthwise(graph, node))) continue;
    const WeightChannels channel = weight_channels_of(graph, node);
    if (bias.count() != static_cast<std::int64_t>(channel.count())) continue;
    Quantization units;
    units.scale.assign(channel.count(), 0.0f);
    const std::vector<float> w = weights.to_floats();
    for (std::size_t i = 0; i < w.size(); ++i)
      units.scale[channel.of(i)] = std::max(units.scale[channel.of(i)], std::abs(w[i]));
    for (std::size_t c = 0; c < units.scale.size(); ++c)
      units.scale[c] = units.scale[c] / 127.0f * input->scale[input->per_channel() ? c : 0];
    const ValueId own = graph.add_constant(graph.value(node.inputs[2]).name, bias);
    graph.value(own).quantization = std::move(units);
    graph.node(id).inputs[2] = own;
  }
}

}  // namespace

void apply_statistics(const Document& document, Graph& graph) {
  if (document.statistics.empty()) return;
  Normalizer(document, graph).run();
  give_bias_units(graph);
}

}  // namespace refcalib::engine::ir
