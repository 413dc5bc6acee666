#pragma once

#include <string>
#include <vector>

#include "engine/calibration/decide.h"
#include "engine/calibration/options.h"
#include "engine/calibration/samples.h"
#include "engine/graph/graph.h"
#include "engine/search/float_set.h"

namespace refcalib::engine {

/// A network and its statistics, from which it can be calibrated with any of its layers in float.
class MixedNetwork {
 public:
  /// All must outlive it; `samples`: for methods that try on data, may be nullptr. Throws as plan_calibration and decide.
  MixedNetwork(const Graph& original, const Statistics& statistics, CalibrationOptions options,
               const SampleSource* samples);

  /// The layers with weights that can run in integers, in execution order.
  const std::vector<std::string>& layers() const noexcept { return layers_; }
  const Graph& original() const noexcept { return original_; }
  /// With every layer in integers.
  const CalibrationResult& all_int8() const noexcept { return all_int8_; }
  Graph all_int8_graph() const { return graph(all_int8_.annotation); }
  /// Calibrated with these layers in float: what a file would say. At least one layer must be left in integers.
  CalibrationResult calibrate(const FloatSet& floats) const;
  /// The network as it would be read from that file.
  Graph graph(const ir::Annotation& annotation) const;
  /// An approximation that costs less: the ranges of the calibration with every layer in integers, some layers held in float with the
  /// weights and biases of the original. Simplified; values have the same names whatever is held.
  Graph held(const FloatSet& floats) const;

 private:
  const Graph& original_;
  const Statistics& statistics_;
  CalibrationOptions options_;
  const SampleSource* samples_;
  CalibrationResult all_int8_;
  std::vector<std::string> layers_;
};

}  // namespace refcalib::engine
