#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

class PlanContext;
class Step;
struct WeightedTraits;

/// Element type and shape of one output, as inferred.
struct OutputType {
  DType dtype = DType::f32;
  Shape shape;
};

/// What shape inference and folding see of a node's inputs.
struct OpInputs {
  const Graph& graph;
  const std::vector<ValueId>& ids;

  std::size_t size() const noexcept { return ids.size(); }
  /// Input i; throws FormatError if the node has none.
  const Value& value(std::size_t i) const;
  const Shape& shape(std::size_t i) const { return value(i).shape; }
  DType dtype(std::size_t i) const { return value(i).dtype; }
  /// The constant of input i; throws UnsupportedError if it is computed at run time.
  const Constant& constant(std::size_t i) const;
  bool is_constant(std::size_t i) const { return static_cast<bool>(value(i).constant); }
};

/// How an operation takes part in INT8. Data, not code: the placement pass reads nothing else.
enum class QuantizationRule : std::uint8_t {
  none,         ///< runs in f32 only
  weighted,     ///< convolution-like: input 0 u8, input 1 s8 constant weights, output u8 or f32
  elementwise,  ///< all inputs u8 with scales of their own, output u8 with a scale of its own
  pooling,  ///< max: output has the quantization of the input; avg: u8 input, output u8 with a quantization of its own, or f32
  unify,    ///< all inputs and the output share one quantization (concat)
  pass,     ///< moves values only: works on any element type (reshape, transpose, …)
  table,    ///< u8 to u8 by a 256-entry table
  requantize,  ///< u8 input, output u8 with a quantization of its own (interpolation)
};

/// How outputs and inputs may share memory.
enum class Aliasing : std::uint8_t {
  none,
  view,    ///< output 0 is the memory of input 0 under another shape; planned without a step
  slices,  ///< inputs may be written as slices of the output; `plan` copies only those that were not
};

/// One operation: everything that passes, readers, calibration and the runtime need to know about it.
struct OpRecord {
  std::string_view name;
  /// Output types from the inputs. Throws FormatError (the caller adds the layer's name).
  std::vector<OutputType> (*infer)(const Attributes&, const OpInputs&) = nullptr;
  /// Value of the outputs if it can be known at load (constant inputs, or only shapes are asked for); nullopt if not.
  std::optional<std::vector<Constant>> (*fold)(const Attributes&, const OpInputs&) = nullptr;
  /// The step that runs the node. nullptr if the operation exists only to be folded.
  std::unique_ptr<Step> (*plan)(const Node&, PlanContext&) = nullptr;
  QuantizationRule rule = QuantizationRule::none;
  /// Of operations with rule `weighted`, and of no others: where channels and fused parts are found (weighted_traits.h).
  const WeightedTraits* weighted = nullptr;
  /// Further conditions of this node for running on integers (the quantizations are checked by the rule); nullptr: none.
  bool (*integer_capable)(const Graph&, const Node&) = nullptr;
  /// Memory orders of rank 3..5 tensors: true if the operation runs on channels-last data; otherwise it wants plain order.
  bool channels_last = false;
  /// True if the result does not depend on the memory order as long as all operands share it (element-wise).
  bool any_layout = false;
  Aliasing aliasing = Aliasing::none;
};

/// The record of an operation, or nullptr.
const OpRecord* find_op(std::string_view name) noexcept;
/// The record of an operation; throws UnsupportedError.
const OpRecord& op_record(std::string_view name);
/// All records, in the order of ops.def.
std::span<const OpRecord* const> all_ops() noexcept;

}  // namespace refcalib::engine
