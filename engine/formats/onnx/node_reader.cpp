#include "engine/formats/onnx/node_reader.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"

namespace refcalib::engine::onnx {

NodeReader::NodeReader(const proto::NodeProto& node, int opset, Tensors& tensors, ir::OpsetBuilder& builder,
                       TensorReader& constants)
    : node_(node), opset_(opset), tensors_(tensors), builder_(builder), constants_(constants) {
  for (const std::string& output : node.output())
    if (name_.empty()) name_ = output;
}

const proto::AttributeProto* NodeReader::find(std::string_view key) const noexcept {
  for (const proto::AttributeProto& attribute : node_.attribute())
    if (attribute.name() == key) return &attribute;
  return nullptr;
}

std::int64_t NodeReader::integer(std::string_view key) const {
  const proto::AttributeProto* found = find(key);
  if (found == nullptr) throw FormatError("attribute '" + std::string(key) + "' is missing");
  if (!found->has_i()) throw FormatError("attribute '" + std::string(key) + "' is no integer");
  return found->i();
}

std::int64_t NodeReader::integer(std::string_view key, std::int64_t absent) const {
  return has(key) ? integer(key) : absent;
}

double NodeReader::real(std::string_view key, double absent) const {
  const proto::AttributeProto* found = find(key);
  if (found == nullptr) return absent;
  if (!found->has_f()) throw FormatError("attribute '" + std::string(key) + "' is no number");
  return static_cast<double>(found->f());
}

std::string NodeReader::word(std::string_view key, std::string_view absent) const {
  const proto::AttributeProto* found = find(key);
  if (found == nullptr) return std::string(absent);
  if (!found->has_s()) throw FormatError("attribute '" + std::string(key) + "' is no text");
  return ir::lower(found->s());
}

std::vector<std::int64_t> NodeReader::integers(std::string_view key) const {
  const proto::AttributeProto* found = find(key);
  if (found == nullptr) return {};
  return {found->ints().begin(), found->ints().end()};
}

std::vector<float> NodeReader::floats(std::string_view key) const {
  const proto::AttributeProto* found = find(key);
  if (found == nullptr) return {};
  return {found->floats().begin(), found->floats().end()};
}

Constant NodeReader::tensor(std::string_view key) const {
  const proto::AttributeProto* found = find(key);
  if (found == nullptr || !found->has_t())
    throw FormatError("attribute '" + std::string(key) + "' is missing or no tensor");
  return constants_.read(found->t());
}

std::size_t NodeReader::input_count() const noexcept {
  std::size_t count = static_cast<std::size_t>(node_.input_size());
  while (count > 0 && node_.input(static_cast<int>(count) - 1).empty()) --count;
  return count;
}

bool NodeReader::has_input(std::size_t rank) const noexcept {
  return rank < input_count() && !node_.input(static_cast<int>(rank)).empty();
}

std::vector<ValueId> NodeReader::inputs() const {
  std::vector<ValueId> list;
  for (std::size_t rank = 0; rank < input_count(); ++rank)
    if (has_input(rank)) list.push_back(input(rank));
  return list;
}

const Tensor& NodeReader::tensor_input(std::size_t rank) const {
  if (!has_input(rank)) throw FormatError("input " + std::to_string(rank) + " is missing");
  const std::string& tensor = node_.input(static_cast<int>(rank));
  const auto found = tensors_.find(tensor);
  if (found == tensors_.end())
    throw FormatError("reads the tensor '" + tensor + "', which no earlier node gives");
  return found->second;
}

bool NodeReader::is_constant(std::size_t rank) const {
  return has_input(rank) && builder_.value(input(rank)).constant;
}

const Constant& NodeReader::constant(std::size_t rank) const {
  const Value& value = builder_.value(input(rank));
  if (!value.constant)
    throw UnsupportedError("input " + std::to_string(rank) + " ('" + node_.input(static_cast<int>(rank)) +
                               "') must be a constant",
                           {"", "", "export the model with static shapes"});
  return value.constant;
}

double NodeReader::scalar(std::size_t rank) const {
  const std::vector<float> values = constant(rank).to_floats();
  if (values.size() != 1) throw FormatError("input " + std::to_string(rank) + " is not a single number");
  return static_cast<double>(values.front());
}

std::vector<std::int64_t> NodeReader::ints_of(std::string_view key, std::size_t rank) const {
  return has_input(rank) ? ints(rank) : integers(key);
}

void NodeReader::expect_inputs(std::size_t least, std::size_t most) const {
  if (input_count() >= least && input_count() <= most) return;
  const std::string expected =
      least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  throw FormatError("the node has " + std::to_string(input_count()) + " inputs; " + node_.op_type() +
                    " takes " + expected);
}

std::size_t NodeReader::spatial_rank() const {
  const std::size_t rank = shape(0).size();
  if (rank < 3 || rank > 5)
    throw FormatError("the input has the shape " + to_string(shape(0)) +
                      "; expected are batch, channels and 1 to 3 spatial dimensions");
  return rank - 2;
}

std::int64_t NodeReader::axis(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  const std::int64_t index = axis < 0 ? axis + size : axis;
  if (index < 0 || index >= size)
    throw FormatError("axis " + std::to_string(axis) + " is out of range for " + std::to_string(rank) +
                      " dimensions");
  return index;
}

void NodeReader::expect_outputs(std::size_t from) const {
  for (std::size_t k = from; k < output_count(); ++k)
    if (wants_output(k))
      throw UnsupportedError("output " + std::to_string(k) + " ('" + node_.output(static_cast<int>(k)) +
                             "') of " + node_.op_type() + " is not supported");
}

void NodeReader::set_output(std::size_t k, Tensor tensor) {
  if (!wants_output(k)) return;
  tensors_[node_.output(static_cast<int>(k))] = std::move(tensor);
}

ValueId NodeReader::constant_value(std::string_view suffix, Constant constant) {
  return builder_.constant(name_ + "/" + std::string(suffix), std::move(constant));
}

ValueId NodeReader::helper(ir::OpsetType type, std::string_view suffix, ir::AttributeTexts attributes,
                           std::vector<ValueId> inputs) {
  return builder_.helper(type, name_ + "/" + std::string(suffix), std::move(attributes), std::move(inputs));
}

ValueId NodeReader::add(ir::OpsetType type, ir::AttributeTexts attributes, std::vector<ValueId> inputs,
                        std::size_t output_count) {
  // Values of layers with several outputs have numbers behind the layer's name, so that none bears a tensor's name.
  const std::string layer = output_count == 1 ? name_ : builder_.unique_name(name_ + "/" + node_.op_type());
  const std::vector<ValueId> values =
      builder_.add(type, layer, std::move(attributes), std::move(inputs), output_count);
  for (std::size_t k = 0; k < values.size(); ++k) set_output(k, Tensor{values[k]});
  return values.front();
}

ValueId NodeReader::reshaped(ValueId value, std::string_view suffix, Shape shape) {
  if (builder_.value(value).shape == shape) return value;
  const std::string target = std::string(suffix) + "/shape";
  return helper({"Reshape", 1}, suffix, {{"special_zero", "false"}}, {value, i64(target, std::move(shape))});
}

void NodeReader::add_reshape(ValueId value, Shape shape) {
  add({"Reshape", 1}, {{"special_zero", "false"}}, {value, i64("shape", std::move(shape))});
}

ValueId NodeReader::per_channel(ValueId value, std::string_view suffix, std::size_t rank, std::size_t axis) {
  Shape shape(std::max<std::size_t>(rank, 1), 1);
  const std::int64_t count = element_count(builder_.value(value).shape);
  if (count != 1) shape.at(axis) = count;
  return reshaped(value, suffix, std::move(shape));
}

}  // namespace refcalib::engine::onnx
