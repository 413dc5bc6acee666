#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/dtype.h"
#include "engine/core/shape.h"
#include "engine/graph/attributes.h"
#include "engine/graph/constant.h"
#include "engine/graph/quantization.h"

namespace refcalib::engine {

using ValueId = std::uint32_t;
using NodeId = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffffffffu;

/// Order of a tensor's elements in memory. `plain`: row-major in the order of the shape.
/// `channels_last`: N, spatial…, C for a shape N, C, spatial… (rank 3 to 5).
enum class Layout : std::uint8_t { plain, channels_last };

/// What the user or the file allows a node to run in.
enum class PrecisionHint : std::uint8_t { automatic, keep_float };

/// One tensor of the network.
struct Value {
  std::string name;  ///< the layer that produces it; "layer.k" for output k of several
  DType dtype = DType::f32;
  Shape shape;                               ///< in the order of the file: N, C, spatial…
  NodeId producer = kNone;                   ///< kNone for inputs and constants
  std::uint32_t output = 0;                  ///< which output of the producer
  Constant constant;                         ///< present if the value is a constant
  std::optional<Quantization> quantization;  ///< how to store it in integers, if calibrated
  /// The quantization is what the model computes (a FakeQuantize), not only a way to store the value: readers in float, too, see the
  /// value cut off and rounded.
  bool fake_quantized = false;
  Layout layout = Layout::plain;  ///< set by assign_layout
};

/// One operation of the network. `op` names a record of engine/ops.
struct Node {
  std::string name;
  std::string op;
  Attributes attributes;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  PrecisionHint hint = PrecisionHint::automatic;
  bool erased = false;
};

/// A network as a list of nodes in topological order over values. Format-independent, editable by passes.
/// Ids stay valid while nodes are erased; `compact()` is never needed. References to values and nodes stay valid while others
/// are added.
class Graph {
 public:
  std::string name;
  std::string source;           ///< file that it was read from, for messages; empty if it was built in memory
  std::vector<ValueId> inputs;  ///< network inputs, in the order of the file
  std::vector<ValueId> outputs;  ///< network outputs, in the order of the file

  ValueId add_value(Value value);
  ValueId add_constant(std::string value_name, Constant constant);
  ValueId add_input(std::string value_name, DType dtype, Shape shape);
  /// Appends a node behind all others; its outputs must be new values (they get this node as producer).
  NodeId add_node(Node node);
  /// Inserts a node into the order in front of `before`.
  NodeId insert_node_before(NodeId before, Node node);

  const Value& value(ValueId id) const { return values_.at(id); }
  Value& value(ValueId id) { return values_.at(id); }
  const Node& node(NodeId id) const { return nodes_.at(id); }
  Node& node(NodeId id) { return nodes_.at(id); }
  std::size_t value_count() const noexcept { return values_.size(); }

  /// Live nodes in topological order.
  std::vector<NodeId> order() const;
  /// Live nodes that read `id`, in topological order, each once.
  std::vector<NodeId> consumers(ValueId id) const;
  bool is_output(ValueId id) const noexcept;
  /// The producing node, or nullptr for inputs and constants.
  const Node* producer(ValueId id) const;

  /// Makes every reader of `from` (nodes and network outputs) read `to`.
  void replace_uses(ValueId from, ValueId to);
  void erase(NodeId id);

  /// The value of that name, or kNone.
  ValueId find_value(std::string_view value_name) const noexcept;

  /// Checks that every input exists before it is read, outputs are produced once, shapes are positive.
  /// Throws Error naming the node.
  void verify() const;

 private:
  std::deque<Value> values_;
  std::deque<Node> nodes_;
  std::vector<NodeId> order_;
};

}  // namespace refcalib::engine
