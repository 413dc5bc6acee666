#include "engine/graph/builder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/ops/op.h"

namespace refcalib::engine {
namespace {

/// Larger values belong to no network; such a shape comes from a damaged file.
constexpr std::int64_t kMostBytes = std::int64_t{1} << 32;
/// Folding may multiply constants (a broadcast, a Gather) up to this number of elements.
constexpr std::int64_t kMostFoldedElements = std::int64_t{1} << 24;

/// Throws FormatError if a value of this type and shape is larger than anything that runs.
void check_size(DType dtype, const Shape& shape) {
  const auto size = static_cast<std::int64_t>(size_of(dtype));
  if (element_count(shape) > kMostBytes / size)
    throw FormatError("a value of shape " + to_string(shape) + " needs more than 4 GiB");
}

/// Throws FormatError if folding made many elements of few.
void check_growth(const std::vector<OutputType>& types, const OpInputs& in) {
  std::int64_t given = 0;
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in.is_constant(i)) return;
    given += in.constant(i).count();
  }
  for (const OutputType& type : types)
    if (element_count(type.shape) > std::max(kMostFoldedElements, given))
      throw FormatError("a constant of shape " + to_string(type.shape) +
                        " is too large to be computed at load");
}

/// A value without elements can only be a constant (an empty list of axes).
void check_not_empty(const std::vector<OutputType>& types) {
  for (const OutputType& type : types)
    if (element_count(type.shape) == 0)
      throw FormatError("the result of shape " + to_string(type.shape) + " has no elements");
}

struct Outcome {
  std::vector<OutputType> types;
  std::optional<std::vector<Constant>> constants;
};

Outcome infer_and_fold(const Graph& graph, const std::string& op, const Attributes& attributes,
                       const std::vector<ValueId>& inputs, std::size_t output_count) {
  for (const ValueId id : inputs)
    if (id >= graph.value_count()) throw Error("internal: an input of the new node does not exist");
  const OpRecord& record = op_record(op);
  const OpInputs view{graph, inputs};
  Outcome outcome;
  outcome.types = record.infer(attributes, view);
  if (outcome.types.size() != output_count)
    throw FormatError(op + " has " + std::to_string(outcome.types.size()) + " outputs, not " +
                      std::to_string(output_count));
  for (const OutputType& type : outcome.types) check_size(type.dtype, type.shape);
  if (record.fold != nullptr) {
    check_growth(outcome.types, view);
    outcome.constants = record.fold(attributes, view);
  }
  if (!outcome.constants) {
    check_not_empty(outcome.types);
    return outcome;
  }
  for (std::size_t k = 0; k < output_count; ++k)
    if (outcome.constants->size() != output_count ||
        (*outcome.constants)[k].shape() != outcome.types[k].shape)
      throw Error("internal: folding " + op + " gives another shape than inference");
  return outcome;
}

}  // namespace

GraphBuilder::GraphBuilder(std::string name) {
  graph_.name = std::move(name);
}

ValueId GraphBuilder::input(std::string name, DType dtype, Shape shape) {
  in_context({"", name, ""}, [&] { check_size(dtype, shape); });
  return graph_.add_input(std::move(name), dtype, std::move(shape));
}

ValueId GraphBuilder::constant(std::string name, Constant constant) {
  return graph_.add_constant(std::move(name), std::move(constant));
}

std::vector<ValueId> GraphBuilder::add(std::string op, std::string name, Attributes attributes,
                                       std::vector<ValueId> inputs, std::size_t output_count) {
  Outcome outcome = in_context({"", name, ""},
                               [&] { return infer_and_fold(graph_, op, attributes, inputs, output_count); });
  const auto output_name = [&](std::size_t k) {
    return output_count == 1 ? name : name + "." + std::to_string(k);
  };
  std::vector<ValueId> outputs;
  outputs.reserve(output_count);
  if (outcome.constants) {
    for (std::size_t k = 0; k < output_count; ++k)
      outputs.push_back(graph_.add_constant(output_name(k), std::move((*outcome.constants)[k])));
    return outputs;
  }
  for (std::size_t k = 0; k < output_count; ++k) {
    Value value;
    value.name = output_name(k);
    value.dtype = outcome.types[k].dtype;
    value.shape = std::move(outcome.types[k].shape);
    outputs.push_back(graph_.add_value(std::move(value)));
  }
  Node node;
  node.name = std::move(name);
  node.op = std::move(op);
  node.attributes = std::move(attributes);
  node.inputs = std::move(inputs);
  node.outputs = outputs;
  graph_.add_node(std::move(node));
  return outputs;
}

ValueId GraphBuilder::add1(std::string op, std::string name, Attributes attributes,
                           std::vector<ValueId> inputs) {
  return add(std::move(op), std::move(name), std::move(attributes), std::move(inputs)).front();
}

void GraphBuilder::output(ValueId value) {
  graph_.outputs.push_back(value);
}

Graph GraphBuilder::finish() {
  graph_.verify();
  return std::move(graph_);
}

}  // namespace refcalib::engine
