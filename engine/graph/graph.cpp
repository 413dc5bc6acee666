#include "engine/graph/graph.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

/// While running, floats have 32 bits and truth values are bytes.
DType running_type(DType stored) noexcept {
  if (is_float(stored)) return DType::f32;
  return stored == DType::boolean ? DType::u8 : stored;
}

void check_ids(const Node& node, std::size_t value_count) {
  for (const auto* list : {&node.inputs, &node.outputs})
    for (const ValueId id : *list)
      if (id >= value_count)
        throw Error("internal: a node names a value that does not exist", {"", node.name, ""});
}

}  // namespace

ValueId Graph::add_value(Value value) {
  values_.push_back(std::move(value));
  return static_cast<ValueId>(values_.size() - 1);
}

ValueId Graph::add_constant(std::string value_name, Constant constant) {
  Value value;
  value.name = std::move(value_name);
  value.dtype = running_type(constant.dtype());
  value.shape = constant.shape();
  value.constant = std::move(constant);
  return add_value(std::move(value));
}

ValueId Graph::add_input(std::string value_name, DType dtype, Shape shape) {
  Value value;
  value.name = std::move(value_name);
  value.dtype = running_type(dtype);
  value.shape = std::move(shape);
  const ValueId id = add_value(std::move(value));
  inputs.push_back(id);
  return id;
}

NodeId Graph::add_node(Node node) {
  check_ids(node, values_.size());
  const auto id = static_cast<NodeId>(nodes_.size());
  for (std::size_t k = 0; k < node.outputs.size(); ++k) {
    Value& output = values_[node.outputs[k]];
    if (output.producer != kNone || output.constant)
      throw Error("internal: output '" + output.name + "' is not a new value", {"", node.name, ""});
    output.producer = id;
    output.output = static_cast<std::uint32_t>(k);
  }
  nodes_.push_back(std::move(node));
  order_.push_back(id);
  return id;
}

NodeId Graph::insert_node_before(NodeId before, Node node) {
  const auto found = std::find(order_.begin(), order_.end(), before);
  if (found == order_.end()) throw Error("internal: insertion before a node that does not exist");
  const auto position = found - order_.begin();
  const NodeId id = add_node(std::move(node));
  order_.pop_back();
  order_.insert(order_.begin() + position, id);
  return id;
}

std::vector<NodeId> Graph::order() const {
  std::vector<NodeId> live;
  live.reserve(order_.size());
  for (const NodeId id : order_)
    if (!nodes_[id].erased) live.push_back(id);
  return live;
}

std::vector<NodeId> Graph::consumers(ValueId id) const {
  std::vector<NodeId> readers;
  for (const NodeId node : order_) {
    const Node& candidate = nodes_[node];
    if (!candidate.erased &&
        std::find(candidate.inputs.begin(), candidate.inputs.end(), id) != candidate.inputs.end())
      readers.push_back(node);
  }
  return readers;
}

bool Graph::is_output(ValueId id) const noexcept {
  return std::find(outputs.begin(), outputs.end(), id) != outputs.end();
}

const Node* Graph::producer(ValueId id) const {
  const NodeId node = value(id).producer;
  return node == kNone ? nullptr : &nodes_.at(node);
}

void Graph::replace_uses(ValueId from, ValueId to) {
  for (Node& node : nodes_)
    if (!node.erased) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(outputs.begin(), outputs.end(), from, to);
}

void Graph::erase(NodeId id) {
  Node& node = nodes_.at(id);
  node.erased = true;
  for (const ValueId output : node.outputs)
    if (values_[output].producer == id) values_[output].producer = kNone;
}

ValueId Graph::find_value(std::string_view value_name) const noexcept {
  for (ValueId id = 0; id < values_.size(); ++id) {
    const Value& candidate = values_[id];
    if (candidate.name != value_name) continue;
    const bool live = candidate.producer != kNone || candidate.constant ||
                      std::find(inputs.begin(), inputs.end(), id) != inputs.end();
    if (live) return id;
  }
  return kNone;
}

void Graph::verify() const {
  std::vector<bool> available(values_.size(), false);
  for (const ValueId id : inputs) available.at(id) = true;
  for (ValueId id = 0; id < values_.size(); ++id)
    if (values_[id].constant) available[id] = true;
  const auto fail = [](const std::string& what, const std::string& where) {
    throw Error("internal: " + what, {"", where, ""});
  };
  const auto check_shape = [&fail](const Value& value) {
    element_count(value.shape);
    for (const std::int64_t dim : value.shape)
      if (dim <= 0) fail("shape " + to_string(value.shape) + " is not positive", value.name);
  };
  for (const ValueId id : inputs) check_shape(values_[id]);
  for (const NodeId id : order()) {
    const Node& node = nodes_[id];
    check_ids(node, values_.size());
    for (const ValueId input : node.inputs)
      if (!available[input]) fail("input '" + values_[input].name + "' is read before it exists", node.name);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      const Value& output = values_[node.outputs[k]];
      if (available[node.outputs[k]]) fail("output '" + output.name + "' is produced twice", node.name);
      if (output.producer != id || output.output != k)
        fail("output '" + output.name + "' does not name its producer", node.name);
      check_shape(output);
      available[node.outputs[k]] = true;
    }
  }
  for (const ValueId id : outputs)
    if (!available.at(id)) fail("network output is not produced", values_[id].name);
}

}  // namespace refcalib::engine
