#include "engine/calibration/channel_classes.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "engine/calibration/layer_samples.h"
#include "engine/ops/activation.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/pooling.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib::engine {
namespace {

std::size_t channels_of(const Value& value) {
  return value.shape.size() > 1 ? static_cast<std::size_t>(value.shape[1]) : 1;
}

/// True if f(s * x) = s * f(x) for s > 0, up to an upper clamp.
bool homogeneous(const FusedActivation& activation) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (activation.slope_input >= 0) return activation.low == -infinity && activation.high == infinity;
  if (activation.low == -infinity) return activation.high == infinity;
  return activation.low == 0 && activation.high > 0;
}

bool homogeneous(const ActivationAttributes& a) {
  return a.function == "relu" || a.function == "leaky_relu" ||
         (a.function == "clamp" && a.alpha == 0 && a.beta > 0);
}

/// Joins channels node by node.
class Classifier {
 public:
  Classifier(const Graph& graph, const std::function<bool(NodeId)>& editable)
      : graph_(graph), editable_(editable) {
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      first_.push_back(parent_.size());
      if (!graph.value(id).constant) parent_.resize(parent_.size() + channels_of(graph.value(id)));
    }
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    fixed_.assign(parent_.size(), false);
  }

  std::vector<ChannelClass> run() {
    for (const ValueId id : graph_.inputs) fix(id);
    for (const ValueId id : graph_.outputs) fix(id);
    for (const NodeId id : graph_.order()) visit(id);
    return collect();
  }

 private:
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = root(a);
    b = root(b);
    const bool fixed = fixed_[a] || fixed_[b];
    parent_[std::max(a, b)] = std::min(a, b);
    fixed_[std::min(a, b)] = fixed;
  }
  void fix(ValueId id) {
    if (graph_.value(id).constant) return;
    for (std::size_t c = 0; c < channels_of(graph_.value(id)); ++c) fixed_[root(first_[id] + c)] = true;
  }
  void fix_all(const Node& node) {
    for (const ValueId id : node.inputs) fix(id);
    for (const ValueId id : node.outputs) fix(id);
  }
  /// Joins channel c of one value with channel c + offset of another.
  void join_values(ValueId from, ValueId to, std::size_t offset = 0) {
    for (std::size_t c = 0; c < channels_of(graph_.value(from)); ++c)
      join(first_[from] + c, first_[to] + offset + c);
  }

  void visit(NodeId id) {
    const Node& node = graph_.node(id);
    if (weighted_traits(node) != nullptr) return visit_weighted(id, node);
    const ValueId out = node.outputs.empty() ? kNone : node.outputs.front();
    if (node.op == "Concat" && node.attributes.as<ConcatAttributes>().axis == 1) {
      std::size_t offset = 0;
      for (const ValueId in : node.inputs) {
        if (graph_.value(in).constant) return fix_all(node);
        join_values(in, out, offset);
        offset += channels_of(graph_.value(in));
      }
      return;
    }
    if (!keeps_factors(node)) return fix_all(node);
    for (const ValueId in : node.inputs)
      if (!graph_.value(in).constant) join_values(in, out);
  }

  /// True for nodes that give channel c of all inputs together, scaled alike, as channel c of the output.
  bool keeps_factors(const Node& node) const {
    if (node.outputs.size() != 1) return false;
    const Shape &x = graph_.value(node.inputs.front()).shape, &y = graph_.value(node.outputs.front()).shape;
    if (x.size() < 2 || y.size() < 2 || x[0] != y[0] || x[1] != y[1]) return false;
    if (node.op == "Activation") return homogeneous(node.attributes.as<ActivationAttributes>());
    if (node.op == "Eltwise")
      return node.inputs.size() == 2 && node.attributes.as<EltwiseAttributes>().operation == "add" &&
             graph_.value(node.inputs[0]).shape == y && graph_.value(node.inputs[1]).shape == y &&
             !graph_.value(node.inputs[0]).constant && !graph_.value(node.inputs[1]).constant &&
             homogeneous(node.attributes.as<EltwiseAttributes>().activation);
    if (node.op == "Reshape") return element_count(x) == x[0] * x[1] && element_count(y) == y[0] * y[1];
    return x.size() > 2 &&
           (node.op == "Pooling" || node.op == "PRelu" || node.op == "Resize" || node.op == "ResizeNearest");
  }

  void visit_weighted(NodeId id, const Node& node) {
    const auto geometry = layer_geometry(graph_, node);
    const WeightedTraits& traits = *weighted_traits(node);
    if (!geometry || !editable_(id) || !homogeneous(traits.activation(node.attributes))) {
      fix_all(node);
      return;
    }
    const ValueId in = node.inputs.front(), out = node.outputs.front();
    for (std::size_t c = 0; c < channels_of(graph_.value(in)); ++c)
      sinks_.push_back({first_[in] + c, {id, c}});
    for (std::size_t c = 0; c < geometry->channels(); ++c) sources_.push_back({first_[out] + c, {id, c}});
    if (traits.has_residual(node.attributes)) join_values(node.inputs[3], out);
  }

  std::vector<ChannelClass> collect() {
    std::map<std::size_t, ChannelClass> classes;
    for (ValueId id = 0; id < graph_.value_count(); ++id)
      if (!graph_.value(id).constant)
        for (std::size_t c = 0; c < channels_of(graph_.value(id)); ++c)
          if (const std::size_t at = root(first_[id] + c); !fixed_[at]) classes[at].values.push_back({id, c});
    for (const auto& [at, source] : sources_)
      if (!fixed_[root(at)]) classes[root(at)].sources.push_back(source);
    for (const auto& [at, sink] : sinks_)
      if (!fixed_[root(at)]) classes[root(at)].sinks.push_back(sink);
    std::vector<ChannelClass> result;
    for (auto& [at, found] : classes)
      if (!found.sources.empty() && !found.sinks.empty()) result.push_back(std::move(found));
    return result;
  }

  const Graph& graph_;
  const std::function<bool(NodeId)>& editable_;
  std::vector<std::size_t> first_, parent_;
  std::vector<bool> fixed_;
  std::vector<std::pair<std::size_t, ChannelOf>> sources_, sinks_;
};

}  // namespace

std::vector<ChannelClass> channel_classes(const Graph& simplified,
                                          const std::function<bool(NodeId)>& editable) {
  return Classifier(simplified, editable).run();
}

}  // namespace refcalib::engine
