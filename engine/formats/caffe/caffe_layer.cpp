#include "engine/formats/caffe/caffe_layer.h"

#include <algorithm>
#include <memory>
#include <span>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine::caffe {
namespace {

Shape without_ones(const Shape& shape) {
  Shape rest;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(rest),
               [](std::int64_t dim) { return dim != 1; });
  return rest;
}

constexpr const char* kTogether = "check that .prototxt and .caffemodel belong together";

}  // namespace

CaffeLayer::CaffeLayer(const proto::LayerParameter& parameter, std::string name, std::vector<ValueId> inputs,
                       std::vector<TrainedBlob> blobs, ChannelScale folded, ir::OpsetBuilder& builder)
    : parameter_(parameter),
      name_(std::move(name)),
      inputs_(std::move(inputs)),
      outputs_(std::max<std::size_t>(1, static_cast<std::size_t>(parameter.top_size())), kNone),
      blobs_(std::move(blobs)),
      folded_(std::move(folded)),
      builder_(builder) {}

ValueId CaffeLayer::input(std::size_t rank) const {
  if (rank >= inputs_.size())
    throw FormatError("the layer has " + std::to_string(inputs_.size()) + " bottoms; bottom " +
                      std::to_string(rank) + " is missing");
  return inputs_[rank];
}

const Shape& CaffeLayer::shape(std::size_t rank) const {
  return builder_.value(input(rank)).shape;
}

void CaffeLayer::expect_inputs(std::size_t least, std::size_t most) const {
  if (inputs_.size() >= least && inputs_.size() <= most) return;
  const std::string wanted =
      least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  throw UnsupportedError("the layer has " + std::to_string(inputs_.size()) + " bottoms; " +
                         parameter_.type() + " is read with " + wanted);
}

std::size_t CaffeLayer::axis(std::int64_t axis, bool end) const {
  const auto rank = static_cast<std::int64_t>(shape().size());
  const std::int64_t last = end ? rank : rank - 1;
  const std::int64_t from_front = axis < 0 ? axis + rank + (end ? 1 : 0) : axis;
  if (from_front < 0 || from_front > last)
    throw FormatError("axis " + std::to_string(axis) + " does not exist in a blob of shape " +
                      to_string(shape()));
  return static_cast<std::size_t>(from_front);
}

const std::vector<float>& CaffeLayer::blob(std::size_t rank, const Shape& expected,
                                           std::string_view what) const {
  const std::string name = std::string(what) + " (blob " + std::to_string(rank) + ")";
  if (rank >= blobs_.size())
    throw FormatError(
        "there are no " + name + " for the layer, which has " + std::to_string(blobs_.size()) + " blobs",
        {"", "", kTogether});
  const TrainedBlob& blob = blobs_[rank];
  if (without_ones(blob.shape) != without_ones(expected))
    throw FormatError("the " + name + " have the shape " + to_string(blob.shape) + "; the layer needs " +
                          to_string(expected),
                      {"", "", kTogether});
  return blob.values;
}

const std::vector<float>& CaffeLayer::channel_blob(std::size_t rank, std::int64_t count,
                                                   std::string_view what) const {
  const bool shared = rank < blobs_.size() && blobs_[rank].values.size() == 1;
  return blob(rank, {shared ? 1 : count}, what);
}

ValueId CaffeLayer::floats(std::string_view suffix, Shape shape, std::vector<float> values) {
  return builder_.constant(name_ + "/" + std::string(suffix),
                           Constant::f32(std::move(shape), std::move(values)));
}

ValueId CaffeLayer::number(std::string_view suffix, float value) {
  return floats(suffix, Shape(std::max<std::size_t>(1, shape().size()), 1), {value});
}

ValueId CaffeLayer::integers(std::string_view suffix, std::vector<std::int64_t> values) {
  return builder_.constant(name_ + "/" + std::string(suffix), Constant::i64_vector(std::move(values)));
}

ValueId CaffeLayer::integer(std::string_view suffix, std::int64_t value) {
  return builder_.constant(name_ + "/" + std::string(suffix), Constant::i64({}, {value}));
}

ValueId CaffeLayer::weights(Shape shape, std::vector<float> values) {
  if (!integers_) return floats("weights", std::move(shape), std::move(values));
  auto bytes = std::make_shared<std::vector<std::int8_t>>();
  for (const float value : values) bytes->push_back(static_cast<std::int8_t>(value));
  const std::span<const std::byte> view = std::as_bytes(std::span<const std::int8_t>(*bytes));
  const ValueId stored =
      builder_.constant(name_ + "/weights", Constant(DType::i8, shape, view, std::move(bytes)));
  const ValueId converted =
      builder_.stored({"Convert", 1}, name_ + "/weights/integers", {{"destination_type", "f32"}}, {stored});
  const ValueId scale = floats("weights/scale", Shape(shape.size(), 1), {integers_->weight});
  return builder_.stored({"Multiply", 1}, name_ + "/weights/scaled", {}, {converted, scale});
}

ValueId CaffeLayer::along(std::string_view suffix, std::size_t axis, const Shape& dims,
                          std::vector<float> values) {
  Shape target(shape().size(), 1);
  std::copy(dims.begin(), dims.end(), target.begin() + static_cast<std::ptrdiff_t>(axis));
  return floats(suffix, std::move(target), std::move(values));
}

void CaffeLayer::add(ir::OpsetType type, ir::AttributeTexts attributes, std::vector<ValueId> inputs) {
  const std::vector<ValueId> outputs =
      builder_.add(type, name_, std::move(attributes), std::move(inputs), outputs_.size());
  std::copy_n(outputs.begin(), std::min(outputs.size(), outputs_.size()), outputs_.begin());
}

ValueId CaffeLayer::helper(ir::OpsetType type, std::string_view suffix, ir::AttributeTexts attributes,
                           std::vector<ValueId> inputs) {
  return builder_.helper(type, name_ + "/" + std::string(suffix), std::move(attributes), std::move(inputs));
}

void CaffeLayer::set_output(std::size_t rank, ValueId value) {
  outputs_.at(rank) = value;
}

}  // namespace refcalib::engine::caffe
