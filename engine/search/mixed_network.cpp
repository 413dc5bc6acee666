#include "engine/search/mixed_network.h"

#include <set>
#include <utility>

#include "engine/calibration/annotated_graph.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {

MixedNetwork::MixedNetwork(const Graph& original, const Statistics& statistics, CalibrationOptions options,
                           const SampleSource* samples)
    : original_(original), statistics_(statistics), options_(std::move(options)), samples_(samples) {
  all_int8_ = calibrate({});
  Graph simplified = all_int8_graph();
  run_passes(simplified, simplification_passes());
  std::set<std::string, std::less<>> nodes;
  for (const NodeId id : simplified.order()) nodes.insert(simplified.node(id).name);
  for (const auto& weights : all_int8_.annotation.weights)
    if (nodes.contains(weights.layer)) layers_.push_back(weights.layer);
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
  ir::Annotation annotation = all_int8_.annotation;
  std::set<std::string, std::less<>> names;
  for (std::size_t i = 0; i < floats.size(); ++i)
    if (floats[i]) names.insert(layers_[i]);
  // Biases that make up for rounded weights are wrong beside exact ones.
  std::erase_if(annotation.weights, [&](const auto& weights) { return names.contains(weights.layer); });
  annotation.keep_float.insert(annotation.keep_float.end(), names.begin(), names.end());
  Graph held = graph(annotation);
  run_passes(held, simplification_passes());
  return held;
}

}  // namespace refcalib::engine
