#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "engine/graph/graph.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// The values of one run of a float network, plain order, by their ids in its graph.
using RecordedValues = std::map<ValueId, std::vector<float>>;

/// One layer with weights as a network of its own, in float: its weights rounded as INT8 execution rounds them, its inputs whatever a
/// trial gives. It tells what rounding an input does to the layer's output.
class LayerTrial {
 public:
  /// `node`: of the simplified float network. `weights`: limits of its constant weights, levels 255; empty: they are left as they are.
  LayerTrial(const Graph& simplified, const Node& node, const std::vector<QuantizationRange>& weights,
             int threads);

  /// Values that record must hold for error(): inputs and output.
  std::vector<ValueId> values() const;

  /// Squared distance between the recorded output and that of the layer when the inputs in `quantized` are rounded to 256 levels of
  /// `range`, as a part of the squared output.
  double error(const RecordedValues& record, std::span<const ValueId> quantized,
               const QuantizationRange& range);

 private:
  std::vector<ValueId> inputs_;  ///< in the order of the session's inputs
  ValueId output_;
  std::unique_ptr<Session> session_;
};

/// The squared distance of two vectors as a part of the square of `wanted`; 0 if both are zero.
double relative_error(std::span<const float> wanted, std::span<const float> got);

/// `values` as INT8 execution would store them, back in float.
std::vector<float> rounded(std::span<const float> values, const QuantizationRange& range);

}  // namespace refcalib::engine
