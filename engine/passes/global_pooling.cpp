#include <algorithm>

#include "engine/ops/movement.h"
#include "engine/ops/pooling.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

bool is_spatial_mean(const Graph& graph, const Node& node) {
  if (node.op != "Reduce" || graph.value(node.inputs[0]).dtype != DType::f32) return false;
  const auto& a = node.attributes.as<ReduceAttributes>();
  const std::size_t rank = graph.value(node.inputs[0]).shape.size();
  if ((a.operation != "mean" && a.operation != "max") || rank < 3 || rank > 5 || a.axes.size() != rank - 2)
    return false;
  std::vector<std::int64_t> axes = a.axes;
  std::sort(axes.begin(), axes.end());
  for (std::size_t i = 0; i < axes.size(); ++i)
    if (axes[i] != static_cast<std::int64_t>(i + 2)) return false;
  return true;
}

}  // namespace

/// A mean or maximum over all spatial dimensions is a pooling with the kernel of the image.
void global_pooling(Graph& graph) {
  for (const NodeId id : graph.order()) {
    if (!is_spatial_mean(graph, graph.node(id))) continue;
    const Node reduce = graph.node(id);
    const auto a = reduce.attributes.as<ReduceAttributes>();
    const Shape in = graph.value(reduce.inputs[0]).shape;
    PoolingAttributes pooling;
    pooling.method = a.operation == "mean" ? "avg" : "max";
    pooling.kernel.assign(in.begin() + 2, in.end());
    pooling.strides = pooling.dilations = std::vector<std::int64_t>(in.size() - 2, 1);
    pooling.pads_begin = pooling.pads_end = std::vector<std::int64_t>(in.size() - 2, 0);
    Node& node = graph.node(id);
    node.op = "Pooling";
    node.attributes = Attributes::of(pooling);
    if (a.keep_dims) continue;
    // The reduced value keeps its name and shape; the pooling writes a new one in front of it.
    const ValueId out = reduce.outputs.front();
    Value pooled = graph.value(out);
    pooled.producer = kNone;
    pooled.shape = {in[0], in[1]};
    pooled.shape.resize(in.size(), 1);
    pooled.name = reduce.name + "/pooled";
    const ValueId pooled_id = graph.add_value(pooled);
    graph.value(pooled_id).producer = id;
    graph.node(id).outputs = {pooled_id};
    graph.value(out).producer = kNone;  // until the Reshape produces it
    const ValueId target =
        graph.add_constant(reduce.name + "/shape", Constant::i64_vector(graph.value(out).shape));
    Node reshape{.name = reduce.name + "/reshape",
                 .op = "Reshape",
                 .attributes = Attributes::of(ReshapeAttributes{}),
                 .inputs = {pooled_id, target},
                 .outputs = {out}};
    const std::vector<NodeId> order = graph.order();
    const auto at = std::find(order.begin(), order.end(), id);
    if (at + 1 == order.end())
      graph.add_node(reshape);
    else
      graph.insert_node_before(*(at + 1), reshape);
  }
}

}  // namespace refcalib::engine
