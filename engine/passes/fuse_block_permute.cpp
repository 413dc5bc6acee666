#include <utility>

#include "engine/ops/movement.h"
#include "engine/ops/rearrange.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

/// The shape behind the transpose, dimension by dimension.
Shape permuted(const Shape& shape, const std::vector<std::int64_t>& order) {
  Shape result;
  for (const std::int64_t from : order) result.push_back(shape[static_cast<std::size_t>(from)]);
  return result;
}

bool spatial(const Shape& shape) {
  return shape.size() >= 3 && shape.size() <= 5;
}

/// The node that alone reads a value and is of that operation, or kNone.
NodeId only_reader(const Graph& graph, ValueId id, const char* op) {
  const std::vector<NodeId> readers = graph.consumers(id);
  if (readers.size() != 1 || graph.is_output(id) || graph.node(readers.front()).op != op) return kNone;
  return graph.node(readers.front()).inputs.front() == id ? readers.front() : kNone;
}

void fuse(Graph& graph, NodeId first) {
  const NodeId middle = only_reader(graph, graph.node(first).outputs.front(), "Transpose");
  if (middle == kNone) return;
  const NodeId last = only_reader(graph, graph.node(middle).outputs.front(), "Reshape");
  if (last == kNone) return;
  const ValueId x = graph.node(first).inputs.front(), y = graph.node(last).outputs.front();
  const Shape &in = graph.value(x).shape, &out = graph.value(y).shape;
  BlockPermuteAttributes a{graph.value(graph.node(first).outputs.front()).shape,
                           graph.node(middle).attributes.as<TransposeAttributes>().order, out};
  if (in.size() != out.size() || !spatial(in) || !grouping(in, a.split) ||
      !grouping(out, permuted(a.split, a.order)))
    return;
  // A range that was stated in the middle of the chain is that of its end.
  for (const NodeId inner : {middle, first})
    if (const Value& inside = graph.value(graph.node(inner).outputs.front()); !graph.value(y).quantization) {
      graph.value(y).quantization = inside.quantization;
      graph.value(y).fake_quantized = inside.fake_quantized;
    }
  Node& node = graph.node(last);
  node.op = "BlockPermute";
  node.attributes = Attributes::of(std::move(a));
  node.inputs = {x};
  graph.erase(middle);
  graph.erase(first);
}

}  // namespace

/// Reshape, Transpose, Reshape that split dimensions and merge them again (channel shuffling, pixel shuffling, space-to-depth) become one
/// BlockPermute, which keeps the memory order that its neighbours use.
void fuse_block_permute(Graph& graph) {
  for (const NodeId id : graph.order())
    if (!graph.node(id).erased && graph.node(id).op == "Reshape") fuse(graph, id);
}

}  // namespace refcalib::engine
