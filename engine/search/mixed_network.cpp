#include "engine/search/mixed_network.h"

#include <map>
#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {

MixedNetwork::MixedNetwork(const Graph& original, const Statistics& statistics, CalibrationOptions options,
                           const SampleSource* samples)
    : original_(original), statistics_(statistics), options_(std::move(options)), samples_(samples) {
  all_int8_ = calibrate({});
  simplified_ = graph(all_int8_.annotation);
  run_passes(simplified_, simplification_passes());
  std::map<std::string, NodeId, std::less<>> nodes;
  for (const NodeId id : simplified_.order()) nodes.emplace(simplified_.node(id).name, id);
  for (const auto& weights : all_int8_.annotation.weights) {
    const auto node = nodes.find(weights.layer);
    if (node == nodes.end()) continue;
    layers_.push_back(weights.layer);
    weighted_.push_back(node->second);
  }
}

CalibrationResult MixedNetwork::calibrate(const FloatSet& floats) const {
  CalibrationOptions options = options_;
  for (std::size_t i = 0; i < floats.size(); ++i)
    if (floats[i]) options.ignore_layers.push_back(layers_[i]);
  return decide(original_, plan_calibration(original_, options), statistics_, options, samples_);
}

Graph MixedNetwork::graph(const ir::Annotation& annotation) const {
  return annotated_graph(original_, annotation);
}

Graph MixedNetwork::held(const FloatSet& floats) const {
  Graph graph = simplified_;
  for (std::size_t i = 0; i < floats.size(); ++i)
    if (floats[i]) graph.node(weighted_[i]).hint = PrecisionHint::keep_float;
  return graph;
}

}  // namespace refcalib::engine
