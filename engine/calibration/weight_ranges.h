#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/calibration/method_spec.h"
#include "engine/calibration/options.h"
#include "engine/graph/graph.h"

namespace refcalib::engine {

/// The layer of that name with constant weights, or nullptr.
const Node* source_layer(const Graph& original, const std::string& name);

/// The constant weights of a node, also from in front of an earlier calibration's FakeQuantize; nullptr if they are computed.
const Constant* source_weights(const Graph& original, const Node& node);

/// Which limits the options choose for weights. The one place where options about them are read.
class WeightSelection {
 public:
  /// Throws UsageError for a method that does not exist or that looks at images, and for what the target does not have.
  explicit WeightSelection(const CalibrationOptions& options);

  /// Limits of the weights as the file has them, symmetric, levels 255, one per output channel or one for all; [-1, 1] where they are
  /// all zero. For a target with fewer bits they are so wide that the integers stay within its own.
  std::vector<QuantizationRange> ranges(const Graph& original, const Node& node,
                                        const Constant& weights) const;

 private:
  float limit(std::span<const float> values) const;

  MethodSpec spec_;
  bool per_channel_;
  bool power_of_two_;
  int steps_;
};

}  // namespace refcalib::engine
