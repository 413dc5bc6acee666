#include "engine/diagnosis/layer_change.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/core/error.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/op.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"
#include "engine/passes/quantization_groups.h"

namespace refcalib::engine {
namespace {

/// Limits of the integers of a value.
std::vector<QuantizationRange> limits(const Quantization& q) {
  std::vector<QuantizationRange> ranges;
  for (std::size_t c = 0; c < q.scale.size(); ++c)
    ranges.push_back({q.scale[c] * static_cast<float>(q.qmin - q.zero_point_of(c)),
                      q.scale[c] * static_cast<float>(q.qmax - q.zero_point_of(c))});
  return ranges;
}

/// What runs on integers with the quantization that a graph has: values by their limits, and layers with weights.
struct Placed {
  std::map<std::string, std::vector<QuantizationRange>> stored;
  std::map<std::string, NodeId> weighted;  ///< ids of the graph that was placed
};

Placed placed(const Graph& quantized) {
  Graph trial = quantized;
  unify_quantization(trial);
  place_int8(trial);
  Placed result;
  const auto store = [&](ValueId id, const std::optional<Quantization>& q) {
    if (q) result.stored.emplace(quantized.value(id).name, limits(*q));
  };
  for (const NodeId id : trial.order()) {
    const Node& node = trial.node(id);
    if (node.op == "Quantize" && node.inputs.front() < quantized.value_count())
      store(node.inputs.front(), trial.value(node.outputs.front()).quantization);
    for (const ValueId out : node.outputs)
      if (out < quantized.value_count() && trial.value(out).dtype == DType::u8)
        store(out, trial.value(out).quantization);
    if (op_record(node.op).rule == QuantizationRule::weighted && !node.inputs.empty() &&
        trial.value(node.inputs.front()).dtype == DType::u8)
      result.weighted.emplace(node.name, id);
  }
  return result;
}

/// The weights that a layer of the quantized graph runs with, as floats, and the scale of each output channel.
Constant executed_weights(const Graph& graph, const Node& node, std::vector<float>& steps) {
  const Value& value = graph.value(node.inputs[1]);
  const WeightChannels channel = weight_channels_of(graph, node);
  std::vector<float> w = value.constant.to_floats();
  Quantization q;
  if (value.quantization) {
    q = *value.quantization;
  } else {
    std::vector<QuantizationRange> ranges(channel.count());
    for (std::size_t i = 0; i < w.size(); ++i) {
      QuantizationRange& range = ranges[channel.of(i)];
      range.high = std::max(range.high, std::abs(w[i]));
      range.low = -range.high;
    }
    q = weight_quantization(ranges, 255);
  }
  steps.assign(channel.count(), q.scale.front());
  if (q.per_channel()) steps = q.scale;
  const bool integers = value.constant.dtype() != DType::f32 && value.constant.dtype() != DType::f16;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float scale = steps[channel.of(i)];
    const float integer =
        integers ? w[i] : std::clamp(std::nearbyint(w[i] * (1.0F / scale)), -127.0F, 127.0F);
    w[i] = integer * scale;
  }
  return Constant::f32(value.constant.shape(), std::move(w));
}

/// The bias of a node as one number per output channel; zeros where it has none.
std::vector<float> bias_of(const Graph& graph, const Node& node, std::size_t channels) {
  std::vector<float> bias;
  if (node.inputs.size() > 2 && graph.value(node.inputs[2]).constant)
    bias = graph.value(node.inputs[2]).constant.to_floats();
  bias.resize(channels, bias.size() == 1 ? bias.front() : 0.0F);
  return bias;
}

void compare_weights(const Graph& reference, const Graph& quantized, const Node& other, LayerChange& change) {
  const Node& node = reference.node(change.node);
  if (!quantized.value(other.inputs[1]).constant || !reference.value(node.inputs[1]).constant) return;
  if (quantized.value(other.inputs[1]).constant.shape() != reference.value(node.inputs[1]).constant.shape())
    throw UsageError("the two models differ: other weights",
                     {{}, change.layer, "name an INT8 model of this one"});
  change.weights = executed_weights(quantized, other, change.weight_steps);
  const std::size_t channels = weight_channels_of(reference, node).count();
  std::vector<float> bias = bias_of(quantized, other, channels);
  if (bias != bias_of(reference, node, channels))
    change.bias = Constant::f32({static_cast<std::int64_t>(channels)}, std::move(bias));
}

/// Which values share a range because only moving operations lie between them.
class Groups {
 public:
  Groups(const Graph& reference, const Placed& integer) : reference_(reference), integer_(integer) {
    for (const auto& group : quantization_groups(reference)) {
      for (const ValueId id : group) number_[id] = members_.size();
      members_.push_back(group);
    }
  }

  /// True if a value is made by moving another one of its group that is stored in integers already.
  bool moved(ValueId id) const {
    const Node* const producer = reference_.producer(id);
    return producer != nullptr &&
           std::any_of(producer->inputs.begin(), producer->inputs.end(), [&](ValueId in) {
             const auto number = number_.find(in);
             return number != number_.end() && number->second == number_.at(id) && stored(in) != nullptr;
           });
  }

  /// The members of a value's group that are computed, with the same limits as it; empty if it is alone.
  std::vector<ValueId> sharing(ValueId id) const {
    std::vector<ValueId> found;
    const auto* const own = stored(id);
    if (own == nullptr) return found;
    for (const ValueId other : members_[number_.at(id)]) {
      const auto* const limits_of_other = stored(other);
      if (limits_of_other != nullptr && !moved(other) && same(*own, *limits_of_other)) found.push_back(other);
    }
    return found.size() > 1 ? found : std::vector<ValueId>{};
  }

 private:
  static bool same(const std::vector<QuantizationRange>& a, const std::vector<QuantizationRange>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const QuantizationRange& x, const QuantizationRange& y) {
                        return x.low == y.low && x.high == y.high;
                      });
  }
  const std::vector<QuantizationRange>* stored(ValueId id) const {
    const auto found = integer_.stored.find(reference_.value(id).name);
    return found == integer_.stored.end() ? nullptr : &found->second;
  }

  const Graph& reference_;
  const Placed& integer_;
  std::map<ValueId, std::size_t> number_;
  std::vector<std::vector<ValueId>> members_;
};

}  // namespace

std::string stored_name(const std::string& value) {
  return value + "/stored";
}

std::vector<LayerChange> layer_changes(const Graph& reference, const Graph& quantized) {
  const Placed integer = placed(quantized);
  const Groups groups(reference, integer);
  std::vector<LayerChange> changes;
  const auto add = [&](LayerChange change) {
    const std::string& name = reference.value(change.value).name;
    if (const auto stored = integer.stored.find(name); stored != integer.stored.end())
      change.stored = stored->second;
    change.shares_with = groups.sharing(change.value);
    if (change.changes_anything()) changes.push_back(std::move(change));
  };
  for (const ValueId id : reference.inputs) {
    if (quantized.find_value(reference.value(id).name) == kNone)
      throw UsageError("the two models differ: only one has the input '" + reference.value(id).name + "'");
    LayerChange change;
    change.layer = reference.value(id).name;
    change.op = "Input";
    change.value = id;
    add(std::move(change));
  }
  for (const NodeId id : reference.order()) {
    const Node& node = reference.node(id);
    LayerChange change;
    change.layer = node.name;
    change.op = node.op;
    change.node = id;
    change.value = node.outputs.front();
    if (const auto other = integer.weighted.find(node.name); other != integer.weighted.end())
      compare_weights(reference, quantized, quantized.node(other->second), change);
    // What only moves values keeps the integers of what it moves.
    if (!groups.moved(change.value)) add(std::move(change));
  }
  if (changes.empty())
    throw UsageError("nothing in the second model is quantized", {{}, {}, "name an INT8 model"});
  return changes;
}

namespace {

void change_constants(Graph& graph, const LayerChange& change) {
  if (change.node == kNone) return;
  Node& node = graph.node(change.node);
  if (change.weights) node.inputs[1] = graph.add_constant(change.layer + "/weights", *change.weights);
  if (!change.bias) return;
  const ValueId bias = graph.add_constant(change.layer + "/bias", *change.bias);
  if (node.inputs.size() > 2)
    node.inputs[2] = bias;
  else
    node.inputs.push_back(bias);
}

/// Limits as a constant that broadcasts along dimension 1.
ValueId add_limits(Graph& graph, const std::string& name, const std::vector<QuantizationRange>& ranges,
                   std::size_t rank, bool high) {
  Shape shape(ranges.size() > 1 ? rank : 0, 1);
  if (ranges.size() > 1) shape.at(1) = static_cast<std::int64_t>(ranges.size());
  std::vector<float> numbers;
  for (const QuantizationRange& range : ranges) numbers.push_back(high ? range.high : range.low);
  return graph.add_constant(name, Constant::f32(shape, std::move(numbers)));
}

void change_value(Graph& graph, const LayerChange& change) {
  const Value value = graph.value(change.value);
  const std::vector<NodeId> readers = graph.consumers(change.value);
  if (change.stored.empty() || readers.empty()) return;
  const std::string name = stored_name(value.name);
  const ValueId low = add_limits(graph, name + "/low", change.stored, value.shape.size(), false);
  const ValueId high = add_limits(graph, name + "/high", change.stored, value.shape.size(), true);
  Value stored;
  stored.name = name;
  stored.shape = value.shape;
  const ValueId out = graph.add_value(std::move(stored));
  for (const NodeId reader : readers)
    for (ValueId& in : graph.node(reader).inputs)
      if (in == change.value) in = out;
  Node node;
  node.name = name;
  node.op = "FakeQuantize";
  node.attributes = Attributes::of(FakeQuantizeAttributes{256});
  node.inputs = {change.value, low, high, low, high};
  node.outputs = {out};
  node.hint = PrecisionHint::keep_float;
  graph.insert_node_before(readers.front(), std::move(node));
}

}  // namespace

Graph with_changes(const Graph& reference, const std::vector<const LayerChange*>& changes) {
  Graph graph = reference;
  for (const LayerChange* const change : changes) {
    change_constants(graph, *change);
    change_value(graph, *change);
  }
  return graph;
}

}  // namespace refcalib::engine
