#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "engine/graph/graph.h"

namespace refcalib::engine {

/// Builds a Graph in topological order: shapes are inferred as each node is added, and nodes whose inputs are all
/// constants (or that only ask for a shape) are folded at once, so that a built graph holds no shape sub-graphs.
/// Readers and tests use it.
class GraphBuilder {
 public:
  explicit GraphBuilder(std::string name = {});

  ValueId input(std::string name, DType dtype, Shape shape);
  ValueId constant(std::string name, Constant constant);

  /// Adds an operation with `output_count` outputs and returns their ids. Output 0 is named like the node if it is the only one,
  /// else "name.k". Throws UnsupportedError for an operation without a record, FormatError for inputs that do not fit;
  /// both name the layer.
  std::vector<ValueId> add(std::string op, std::string name, Attributes attributes,
                           std::vector<ValueId> inputs, std::size_t output_count = 1);
  /// The same for operations with one output.
  ValueId add1(std::string op, std::string name, Attributes attributes, std::vector<ValueId> inputs);

  void output(ValueId value);

  const Graph& graph() const noexcept { return graph_; }
  Graph& graph() noexcept { return graph_; }
  /// Verifies and hands out the graph.
  Graph finish();

 private:
  Graph graph_;
};

}  // namespace refcalib::engine
