#include <string>

#include "engine/ops/movement.h"
#include "engine/passes/passes.h"

namespace refcalib::engine {
namespace {

Node conversion(const std::string& name, DType to, ValueId from, ValueId out) {
  return {.name = name,
          .op = "Convert",
          .attributes = Attributes::of(ConvertAttributes{std::string(to_string(to))}),
          .inputs = {from},
          .outputs = {out}};
}

/// Readers of an integer input read what a conversion behind the float input gives.
void convert_input(Graph& graph, ValueId& input) {
  const ValueId whole = input;
  const std::string type(to_string(graph.value(whole).dtype));
  Value real;
  real.name = graph.value(whole).name;
  real.shape = graph.value(whole).shape;
  graph.value(whole).name += "/" + type;
  const std::string name = real.name + "/to_" + type;
  input = graph.add_value(std::move(real));
  Node node = conversion(name, graph.value(whole).dtype, input, whole);
  const std::vector<NodeId> order = graph.order();
  if (order.empty())
    graph.add_node(std::move(node));
  else
    graph.insert_node_before(order.front(), std::move(node));
}

void convert_output(Graph& graph, ValueId& output) {
  const ValueId whole = output;
  Value real;
  real.name = graph.value(whole).name;
  real.shape = graph.value(whole).shape;
  graph.value(whole).name += "/" + std::string(to_string(graph.value(whole).dtype));
  const std::string name = real.name + "/to_f32";
  output = graph.add_value(std::move(real));
  graph.add_node(conversion(name, DType::f32, whole, output));
}

}  // namespace

/// Sessions take and give floats: integer and boolean inputs and outputs of the network get a conversion (exact up to
/// 2^24). The names stay with the floats.
void float_ports(Graph& graph) {
  for (ValueId& input : graph.inputs)
    if (graph.value(input).dtype != DType::f32) convert_input(graph, input);
  for (ValueId& output : graph.outputs)
    if (graph.value(output).dtype != DType::f32 && !graph.value(output).constant)
      convert_output(graph, output);
}

}  // namespace refcalib::engine
