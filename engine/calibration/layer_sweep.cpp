#include "engine/calibration/layer_sweep.h"

#include <utility>

#include "engine/ops/op.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {

std::vector<std::string> int8_layers(const Graph& calibrated) {
  Graph lowered = calibrated;
  run_passes(lowered, simplification_passes());
  run_passes(lowered, lowering_passes(true));
  std::vector<std::string> layers;
  for (const NodeId id : lowered.order()) {
    const Node& node = lowered.node(id);
    if (op_record(node.op).rule == QuantizationRule::weighted &&
        lowered.value(node.inputs.front()).dtype == DType::u8)
      layers.push_back(node.name);
  }
  return layers;
}

Graph with_int8_layers(Graph calibrated, const std::set<std::string>& layers) {
  for (const NodeId id : calibrated.order()) {
    Node& node = calibrated.node(id);
    if (op_record(node.op).rule == QuantizationRule::weighted && !layers.contains(node.name))
      node.hint = PrecisionHint::keep_float;
  }
  return calibrated;
}

}  // namespace refcalib::engine
