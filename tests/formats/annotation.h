#pragma once

#include <algorithm>
#include <cmath>

#include "engine/formats/ir/ir.h"
#include "engine/ops/weighted_traits.h"

namespace refcalib_test {

/// An annotation that quantizes whatever can be: every run-time value of rank 2 and more, every layer with
/// constant weights. Ranges are made up but deterministic: every third value is signed, the others start at
/// 0.
inline refcalib::engine::ir::Annotation annotate_everything(const refcalib::engine::Graph& graph,
                                                            bool with_bias = false) {
  using namespace refcalib::engine;
  ir::Annotation annotation;
  int number = 0;
  const auto add_value = [&](ValueId id) {
    const Value& value = graph.value(id);
    if (value.shape.size() < 2) return;
    const float high = 0.1f * static_cast<float>(1 + number % 17);
    const float low = number % 3 == 0 ? -high * 128.0f / 127.0f : 0.0f;
    annotation.activations.push_back({value.name, {{low, high}}, 256, {}, {}});
    ++number;
  };
  for (const ValueId id : graph.inputs) add_value(id);
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    for (const ValueId output : node.outputs) add_value(output);
    if (weighted_traits(node) == nullptr || !graph.value(node.inputs[1]).constant) continue;
    const auto channels = static_cast<std::int64_t>(weight_channels_of(graph, node).count());
    ir::Annotation::Weights weights;
    weights.layer = node.name;
    for (std::int64_t c = 0; c < channels; ++c) {
      const float high = 0.01f * static_cast<float>(1 + c % 29);
      weights.range.push_back({-high, high});
    }
    if (with_bias)
      for (std::int64_t c = 0; c < channels; ++c) weights.bias.push_back(0.5f + static_cast<float>(c));
    annotation.weights.push_back(std::move(weights));
  }
  return annotation;
}

}  // namespace refcalib_test
