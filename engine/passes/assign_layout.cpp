#include <algorithm>
#include <map>

#include "engine/ops/movement.h"
#include "engine/ops/op.h"
#include "engine/ops/quantize_nodes.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

bool has_spatial(const Shape& shape) {
  return shape.size() >= 3 && shape.size() <= 5;
}

/// True if both memory orders of a shape are the same bytes.
bool order_free(const Shape& shape) {
  if (shape.size() < 3) return true;
  std::int64_t spatial = 1;
  for (std::size_t d = 2; d < shape.size(); ++d) spatial *= shape[d];
  return spatial == 1 || shape[1] == 1;
}

/// True if transposing a channels-last tensor to this order leaves its memory as it is: the output's row-major order is N, spatial…, C.
bool undone_by(const std::vector<std::int64_t>& order) {
  const auto rank = static_cast<std::int64_t>(order.size());
  for (std::int64_t i = 0; i < rank; ++i) {
    const std::int64_t want = i == 0 ? 0 : i == rank - 1 ? 1 : i + 1;
    if (order[static_cast<std::size_t>(i)] != want) return false;
  }
  return true;
}

class LayoutAssignment {
 public:
  explicit LayoutAssignment(Graph& graph) : graph_(graph) {}

  void run() {
    for (const NodeId id : graph_.order()) assign(id);
    for (ValueId& out : graph_.outputs) out = in_plain_order(out);
  }

 private:
  void assign(NodeId id) {
    const std::string op = graph_.node(id).op;
    if (op == "Quantize" || op == "Dequantize") return assign_conversion(id);
    if (op == "Transpose" && assign_transpose(id)) return;
    const OpRecord& record = op_record(op);
    Layout layout = Layout::plain;
    if (record.channels_last)
      layout = Layout::channels_last;
    else if (record.any_layout)
      layout = preferred(graph_.node(id));
    const Value& data = graph_.value(graph_.node(id).inputs.front());
    if (record.channels_last && data.constant && has_spatial(data.shape))
      throw UnsupportedError("operation '" + op + "' of a constant is not supported",
                             {{}, graph_.node(id).name, {}});
    for (std::size_t i = 0; i < graph_.node(id).inputs.size(); ++i) {
      const ValueId input = graph_.node(id).inputs[i];
      // Weights that are computed at run time keep the order of the file.
      const Layout wanted = record.weighted != nullptr && i == 1 ? Layout::plain : layout;
      if (!graph_.value(input).constant) graph_.node(id).inputs[i] = in_layout(input, wanted, id);
    }
    for (const ValueId out : graph_.node(id).outputs)
      graph_.value(out).layout = has_spatial(graph_.value(out).shape) ? layout : Layout::plain;
  }

  /// The order of the first spatial input, as long as all data inputs have the rank of the output.
  Layout preferred(const Node& node) const {
    const std::size_t rank = graph_.value(node.outputs.front()).shape.size();
    Layout layout = Layout::plain;
    for (const ValueId input : node.inputs) {
      if (graph_.value(input).constant) continue;
      if (graph_.value(input).shape.size() != rank) return Layout::plain;
      if (graph_.value(input).layout == Layout::channels_last) layout = Layout::channels_last;
    }
    return layout;
  }

  /// Conversions of precision change the order on the way if readers want that and the conversion can: u8 is made channels-last,
  /// floats are made plain. In the other direction the readers get a reordering of their own.
  void assign_conversion(NodeId id) {
    const ValueId out = graph_.node(id).outputs.front();
    Layout layout = graph_.value(graph_.node(id).inputs.front()).layout;
    if (has_spatial(graph_.value(out).shape)) {
      const std::vector<NodeId> readers = graph_.consumers(out);
      const bool last = std::any_of(readers.begin(), readers.end(),
                                    [&](NodeId r) { return op_record(graph_.node(r).op).channels_last; });
      const bool plain = std::all_of(readers.begin(), readers.end(), [&](NodeId r) {
        const OpRecord& record = op_record(graph_.node(r).op);
        return !record.channels_last && !record.any_layout && graph_.node(r).op != "Transpose";
      });
      const bool quantize = graph_.node(id).op == "Quantize";
      if (last && quantize)
        layout = Layout::channels_last;
      else if (plain && !quantize)
        layout = Layout::plain;
    }
    graph_.value(out).layout = layout;
  }

  /// A transpose from channels-last to N, spatial…, C costs nothing.
  bool assign_transpose(NodeId id) {
    const Node node = graph_.node(id);
    const Value& in = graph_.value(node.inputs.front());
    if (in.layout != Layout::channels_last || !undone_by(node.attributes.as<TransposeAttributes>().order))
      return false;
    Node& target = graph_.node(id);
    target.op = "Reinterpret";
    target.attributes = Attributes::of(LoweredAttributes{});
    graph_.value(node.outputs.front()).layout = Layout::plain;
    return true;
  }

  ValueId in_layout(ValueId id, Layout layout, NodeId reader) {
    const Value& value = graph_.value(id);
    if (!has_spatial(value.shape) || value.layout == layout) return id;
    const auto key = std::pair{id, layout};
    if (const auto it = reordered_.find(key); it != reordered_.end()) return it->second;
    Value moved = value;
    moved.producer = kNone;
    moved.name += layout == Layout::plain ? "/plain" : "/channels_last";
    moved.layout = layout;
    const std::string name = value.name + (layout == Layout::plain ? "/to_plain" : "/to_channels_last");
    const char* op = order_free(value.shape) ? "Reinterpret" : "Reorder";
    const ValueId out = graph_.add_value(moved);
    Node node{.name = name,
              .op = op,
              .attributes = Attributes::of(LoweredAttributes{}),
              .inputs = {id},
              .outputs = {out}};
    if (reader == kNone)
      graph_.add_node(std::move(node));
    else
      graph_.insert_node_before(reader, std::move(node));
    reordered_.emplace(key, out);
    return out;
  }

  ValueId in_plain_order(ValueId id) {
    return graph_.value(id).constant ? id : in_layout(id, Layout::plain, kNone);
  }

  Graph& graph_;
  std::map<std::pair<ValueId, Layout>, ValueId> reordered_;
};

}  // namespace

/// Gives every value a memory order and puts reorderings where producer and reader differ, each once per value.
void assign_layout(Graph& graph) {
  LayoutAssignment(graph).run();
}

}  // namespace refcalib::engine
