#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// What quantization makes of one layer, in reals: put into the float network it shows what that layer alone does to the answer.
struct LayerChange {
  std::string layer;                ///< the node's name; of a network input its own
  std::string op;                   ///< "Input" for a network input
  NodeId node = kNone;              ///< in the float graph; kNone for a network input
  ValueId value = kNone;            ///< what it writes
  std::optional<Constant> weights;  ///< the integers times their scale
  std::vector<float> weight_steps;  ///< their scale, of each output channel
  std::optional<Constant> bias;     ///< if it differs from that of the float network
  /// Limits in which its value is stored in 256 levels: one, or one per channel; empty: it stays in float.
  std::vector<QuantizationRange> stored;
  /// Inputs of a concatenation that share one range with this value, itself included; empty if it has a range of its own.
  std::vector<ValueId> shares_with;

  bool changes_anything() const noexcept { return weights || bias || !stored.empty(); }
};

/// Compares a network in float with one that is calibrated from it: one change for every layer of which weights, bias or value differ,
/// in the order in which they run. `reference` and `quantized` are simplified graphs, the latter with its quantization. Throws UsageError
/// if they are not of the same network or nothing of the second is quantized.
std::vector<LayerChange> layer_changes(const Graph& reference, const Graph& quantized);

/// The float network with some of the changes. Values keep their names: what "NAME" stores in integers is "NAME/stored" to its readers.
Graph with_changes(const Graph& reference, const std::vector<const LayerChange*>& changes);

/// How the value that readers of a stored value see is called.
std::string stored_name(const std::string& value);

}  // namespace refcalib::engine
