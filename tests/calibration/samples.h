#pragma once

#include <cstdlib>
#include <set>

#include "engine/calibration/calibrate.h"
#include "tests/ops/network.h"

namespace refcalib_test {

/// What each sample puts into each input.
using Samples = std::vector<std::vector<Tensor>>;

inline FillInputs filling(const Samples& samples) {
  return [&samples](Session& session, std::size_t index) {
    for (std::size_t i = 0; i < samples[index].size(); ++i)
      std::copy(samples[index][i].data.begin(), samples[index][i].data.end(), session.input(i).begin());
    return true;
  };
}

inline CalibrationResult calibrated(const Graph& graph, const Samples& samples,
                                    const CalibrationOptions& options = {}) {
  return calibrate(graph, samples.size(), filling(samples), options);
}

inline bool same_ranges(const std::vector<QuantizationRange>& a, const std::vector<QuantizationRange>& b) {
  return same_bytes(a, b);
}

/// True if both state the same, bit for bit and in the same order.
inline bool same_annotation(const ir::Annotation& a, const ir::Annotation& b) {
  bool equal = a.activations.size() == b.activations.size() && a.weights.size() == b.weights.size() &&
               a.keep_float == b.keep_float;
  for (std::size_t i = 0; equal && i < a.activations.size(); ++i) {
    const auto &x = a.activations[i], &y = b.activations[i];
    equal = x.value == y.value && same_ranges(x.range, y.range) && x.levels == y.levels &&
            same_bytes(x.channel_min, y.channel_min) && same_bytes(x.channel_max, y.channel_max);
  }
  for (std::size_t i = 0; equal && i < a.weights.size(); ++i) {
    const auto &x = a.weights[i], &y = b.weights[i];
    equal = x.layer == y.layer && same_ranges(x.range, y.range) && x.levels == y.levels &&
            same_bytes(x.bias, y.bias);
  }
  return equal;
}

inline const ir::Annotation::Activation* find_activation(const ir::Annotation& annotation,
                                                         const std::string& name) {
  for (const auto& activation : annotation.activations)
    if (activation.value == name) return &activation;
  return nullptr;
}

/// The graph with the annotation's ranges and hints, as a reader would set them.
inline Graph annotated(Graph graph, const ir::Annotation& annotation) {
  for (const auto& activation : annotation.activations)
    graph.value(graph.find_value(activation.value)).quantization =
        activation_quantization(activation.range, activation.levels);
  for (const NodeId id : graph.order()) {
    for (const auto& weights : annotation.weights)
      if (weights.layer == graph.node(id).name)
        graph.value(graph.node(id).inputs[1]).quantization =
            weight_quantization(weights.range, weights.levels);
    for (const std::string& name : annotation.keep_float)
      if (name == graph.node(id).name) graph.node(id).hint = PrecisionHint::keep_float;
  }
  return graph;
}

/// Chooses the instruction set of calibration for as long as it lives.
class UsedIsa {
 public:
  explicit UsedIsa(Isa isa) {
    if (const char* before = std::getenv("REFCALIB_ISA")) before_ = before;
    setenv("REFCALIB_ISA", std::string(to_string(isa)).c_str(), 1);
  }
  ~UsedIsa() { before_.empty() ? unsetenv("REFCALIB_ISA") : setenv("REFCALIB_ISA", before_.c_str(), 1); }
  UsedIsa(const UsedIsa&) = delete;
  UsedIsa& operator=(const UsedIsa&) = delete;

 private:
  std::string before_;
};

}  // namespace refcalib_test
