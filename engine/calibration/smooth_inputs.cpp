#include "engine/calibration/smooth_inputs.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <refcalib/smooth_quant.hpp>
#include <set>
#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"

namespace refcalib::engine {
namespace {

/// A constant operand of a node.
struct Operand {
  NodeId node = kNone;
  std::size_t input = 0;
};

/// The scale and the shift of a normalization, and the products that read them.
struct Place {
  std::optional<Operand> shift;
  Operand scale;
  std::vector<NodeId> readers;
  std::size_t features = 0;
};

/// The constant that a node combines a value with, one number for each of `features`.
std::optional<Operand> constant_operand(const Graph& graph, NodeId id, const char* operation,
                                        std::size_t features) {
  if (id == kNone) return std::nullopt;
  const Node& node = graph.node(id);
  if (node.op != "Eltwise" || node.inputs.size() != 2 ||
      node.attributes.as<EltwiseAttributes>().operation != operation)
    return std::nullopt;
  for (std::size_t i = 0; i < 2; ++i) {
    const Value& value = graph.value(node.inputs[i]);
    if (!value.constant || graph.value(node.inputs[1 - i]).constant) continue;
    const bool last = !value.shape.empty() && static_cast<std::size_t>(value.shape.back()) == features;
    if (last && static_cast<std::size_t>(value.constant.count()) == features) return Operand{id, i};
  }
  return std::nullopt;
}

ValueId other_input(const Graph& graph, const Operand& operand) {
  return graph.node(operand.node).inputs[1 - operand.input];
}

class Smoother {
 public:
  Smoother(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted)
      : original_(original) {
    for (const NodeId id : weighted) {
      const Node& node = simplified.node(id);
      if (node.op == "MatMul" && simplified.value(node.inputs[1]).constant)
        running_.emplace(node.name, &simplified.value(node.inputs[1]).constant);
    }
  }

  Equalized run(const ChannelRanges& ranges, double alpha) {
    Equalized result{original_, {}};
    for (ValueId id = 0; id < original_.value_count(); ++id) {
      const auto seen = ranges.find(original_.value(id).name);
      if (seen == ranges.end()) continue;
      const std::optional<Place> place = find(id);
      if (!place || seen->second.size() != place->features) continue;
      smooth(*place, seen->second, alpha, result);
    }
    return result;
  }

 private:
  /// A product whose weights [features, outputs], or transposed, run as the file states them.
  bool can_take(NodeId id, ValueId value) const {
    const Node& node = original_.node(id);
    if (node.op != "MatMul" || node.inputs[0] != value || node.inputs[1] == value ||
        node.attributes.as<MatMulAttributes>().transpose_a)
      return false;
    const Constant& weights = original_.value(node.inputs[1]).constant;
    const auto running = running_.find(node.name);
    return weights && running != running_.end() && weights.shape().size() == 2 &&
           weights.to_floats() == running->second->to_floats();
  }

  std::optional<Place> find(ValueId value) const {
    const Shape& shape = original_.value(value).shape;
    Place place;
    place.readers = original_.consumers(value);
    if (shape.size() < 2 || place.readers.empty() || original_.is_output(value) ||
        !std::all_of(place.readers.begin(), place.readers.end(),
                     [&](NodeId id) { return can_take(id, value); }))
      return std::nullopt;
    place.features = static_cast<std::size_t>(shape.back());
    NodeId at = original_.value(value).producer;
    place.shift = constant_operand(original_, at, "add", place.features);
    if (place.shift) {
      const ValueId scaled = other_input(original_, *place.shift);
      if (original_.consumers(scaled).size() != 1 || original_.is_output(scaled)) return std::nullopt;
      at = original_.value(scaled).producer;
    }
    const std::optional<Operand> scale = constant_operand(original_, at, "mul", place.features);
    if (!scale) return std::nullopt;
    place.scale = *scale;
    return place;
  }

  /// Where the weight of a feature and an output lies.
  static std::size_t at(const Node& node, const Shape& shape, std::size_t feature, std::size_t output) {
    return node.attributes.as<MatMulAttributes>().transpose_b
               ? output * static_cast<std::size_t>(shape[1]) + feature
               : feature * static_cast<std::size_t>(shape[1]) + output;
  }
  static std::size_t outputs_of(const Node& node, const Shape& shape) {
    return static_cast<std::size_t>(shape[node.attributes.as<MatMulAttributes>().transpose_b ? 0 : 1]);
  }

  static void divide(Graph& graph, const Operand& operand, const std::vector<double>& factors) {
    const Value old = graph.value(graph.node(operand.node).inputs[operand.input]);
    std::vector<float> values = old.constant.to_floats();
    for (std::size_t j = 0; j < values.size(); ++j)
      values[j] = static_cast<float>(static_cast<double>(values[j]) / factors[j]);
    const ValueId own = graph.add_constant(old.name, Constant::f32(old.shape, std::move(values)));
    graph.node(operand.node).inputs[operand.input] = own;
  }

  void smooth(const Place& place, const std::vector<double>& range, double alpha, Equalized& result) const {
    std::vector<double> widest(place.features, 0.0);
    std::vector<std::vector<float>> weights;
    for (const NodeId id : place.readers) {
      const Node& node = original_.node(id);
      const Constant& constant = original_.value(node.inputs[1]).constant;
      weights.push_back(constant.to_floats());
      for (std::size_t j = 0; j < place.features; ++j)
        for (std::size_t o = 0; o < outputs_of(node, constant.shape()); ++o)
          widest[j] = std::max(
              widest[j], std::abs(static_cast<double>(weights.back()[at(node, constant.shape(), j, o)])));
    }
    const std::vector<double> factors = smooth_scales(range, widest, alpha);
    divide(result.graph, place.scale, factors);
    if (place.shift) divide(result.graph, *place.shift, factors);
    for (std::size_t r = 0; r < place.readers.size(); ++r) {
      const Node& node = original_.node(place.readers[r]);
      const Shape& shape = original_.value(node.inputs[1]).constant.shape();
      for (std::size_t j = 0; j < place.features; ++j)
        for (std::size_t o = 0; o < outputs_of(node, shape); ++o) {
          float& w = weights[r][at(node, shape, j, o)];
          w = static_cast<float>(static_cast<double>(w) * factors[j]);
        }
      replace_weights(result.graph, place.readers[r], std::move(weights[r]));
      result.layers.push_back(node.name);
    }
  }

  const Graph& original_;
  std::map<std::string, const Constant*, std::less<>> running_;  ///< weights by layer
};

}  // namespace

Equalized smooth_inputs(const Graph& original, const Graph& simplified, const std::vector<NodeId>& weighted,
                        const ChannelRanges& ranges, double alpha) {
  return Smoother(original, simplified, weighted).run(ranges, alpha);
}

}  // namespace refcalib::engine
