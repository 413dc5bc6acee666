#include "engine/calibration/plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/calibration/float_layers.h"
#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"
#include "engine/ops/op.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {

namespace {

/// The selection, and what the target runs in float; types that the network does not have are no mistake there.
LayerSelection with_float_types(const CalibrationOptions& options, const Graph& simplified) {
  LayerSelection selection = options;
  std::set<std::string> known;
  for (const NodeId id : simplified.order()) known.insert(simplified.node(id).op);
  for (const auto& [name, type] : options.layer_types) known.insert(type);
  for (const std::string& type : options.target.float_types) {
    const NamePattern pattern(type);
    if (std::any_of(known.begin(), known.end(), [&](const std::string& k) { return pattern.matches(k); }))
      selection.ignore_types.push_back(type);
  }
  return selection;
}

}  // namespace

Graph float_graph(const Graph& original) {
  Graph simplified = original;
  drop_quantization(simplified);
  run_passes(simplified, simplification_passes());
  return simplified;
}

CalibrationPlan plan_calibration(const Graph& original, const CalibrationOptions& options) {
  CalibrationPlan plan;
  plan.simplified = float_graph(original);
  plan.keep_float = mark_float_layers(plan.simplified, original, with_float_types(options, plan.simplified));
  plan.candidates = find_candidates(plan.simplified);
  if (plan.candidates.weighted.empty())
    throw UsageError("no layer of this network can run in INT8",
                     {{}, {}, "'refcalib inspect' lists the reasons"});
  return plan;
}

std::vector<ValueId> observed_values(const Graph& simplified) {
  Graph unmarked = simplified;
  for (const NodeId id : unmarked.order()) unmarked.node(id).hint = PrecisionHint::automatic;
  std::set<ValueId> values;
  for (const auto& group : find_candidates(unmarked).groups) values.insert(group.begin(), group.end());
  for (const NodeId id : simplified.order()) {
    const Node& node = simplified.node(id);
    if (op_record(node.op).rule != QuantizationRule::weighted) continue;
    for (const ValueId value : {node.inputs.front(), node.outputs.front()})
      if (!simplified.value(value).constant && simplified.value(value).dtype == DType::f32)
        values.insert(value);
  }
  return {values.begin(), values.end()};
}

std::size_t channel_axis(const Graph& simplified, ValueId id) {
  constexpr std::size_t positions_and_features = 3;
  if (simplified.value(id).shape.size() != positions_and_features) return 1;
  const std::vector<NodeId> readers = simplified.consumers(id);
  const bool last = std::any_of(readers.begin(), readers.end(), [&](NodeId reader) {
    const WeightedTraits* const traits = weighted_traits(simplified.node(reader));
    return traits != nullptr && !traits->spatial;
  });
  return last ? 2 : 1;
}

}  // namespace refcalib::engine
