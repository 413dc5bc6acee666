#include <algorithm>
#include <numeric>

#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

/// The same tensor under another name.
void read_identity(NodeReader& reader) {
  Tensor same = reader.tensor_input(0);
  reader.set_output(0, std::move(same));
}

void read_dropout(NodeReader& reader) {
  reader.expect_outputs(1);
  read_identity(reader);
}

void read_cast(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const DType type = running_type(static_cast<int>(reader.integer("to")));
  if (type == reader.dtype(0)) return read_identity(reader);
  reader.add({"Convert", 1}, {{"destination_type", std::string(to_string(type))}}, {reader.input(0)});
}

void read_cast_like(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  if (reader.dtype(1) == reader.dtype(0)) return read_identity(reader);
  reader.add({"Convert", 1}, {{"destination_type", std::string(to_string(reader.dtype(1)))}},
             {reader.input(0)});
}

/// 0 copies a dimension unless `allowzero` says otherwise.
void read_reshape(NodeReader& reader) {
  reader.expect_inputs(2, 2);
  const bool copies = reader.integer("allowzero", 0) == 0;
  reader.add({"Reshape", 1}, {{"special_zero", copies ? "true" : "false"}},
             {reader.input(0), reader.i64("shape", reader.ints(1))});
}

void read_flatten(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const Shape shape = reader.shape(0);
  std::int64_t axis = reader.integer("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(shape.size());
  if (axis < 0 || axis > static_cast<std::int64_t>(shape.size()))
    throw FormatError("axis " + std::to_string(axis) + " is out of range");
  const auto middle = shape.begin() + axis;
  reader.add_reshape(reader.input(0), {element_count(Shape(shape.begin(), middle)),
                                       element_count(Shape(middle, shape.end()))});
}

void read_squeeze(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const std::vector<std::int64_t> axes = reader.ints_of("axes", 1);
  std::vector<ValueId> inputs{reader.input(0)};
  if (!axes.empty()) inputs.push_back(reader.i64("axes", axes));
  reader.add({"Squeeze", 1}, {}, std::move(inputs));
}

void read_unsqueeze(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const std::vector<std::int64_t> axes = reader.ints_of("axes", 1);
  if (axes.empty()) throw FormatError("no axes are named");
  reader.add({"Unsqueeze", 1}, {}, {reader.input(0), reader.i64("axes", axes)});
}

void read_transpose(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  std::vector<std::int64_t> order = reader.integers("perm");
  if (order.empty()) {
    order.resize(reader.shape(0).size());
    std::iota(order.rbegin(), order.rend(), 0);
  }
  if (order.empty()) return read_identity(reader);
  reader.add({"Transpose", 1}, {}, {reader.input(0), reader.i64("order", std::move(order))});
}

/// Parts without elements do not count.
void read_concat(NodeReader& reader) {
  const std::int64_t axis = reader.integer("axis");
  std::vector<ValueId> parts;
  for (const ValueId part : reader.inputs())
    if (element_count(reader.builder().value(part).shape) != 0) parts.push_back(part);
  if (parts.empty()) parts = reader.inputs();
  if (parts.empty()) throw FormatError("the node has no inputs");
  for (std::size_t rank = 0; rank < reader.input_count(); ++rank)
    if (reader.has_input(rank) &&
        reader.tensor_input(rank).quantization != reader.tensor_input(0).quantization)
      throw UnsupportedError("joins tensors of different quantizations");
  reader.add({"Concat", 1}, {{"axis", std::to_string(axis)}}, std::move(parts));
}

/// Sizes of `parts` parts of which the last may be smaller.
std::vector<std::int64_t> even_parts(std::int64_t whole, std::int64_t parts) {
  if (parts < 1 || parts > whole)
    throw FormatError(std::to_string(whole) + " elements cannot be split into " + std::to_string(parts) +
                      " parts");
  const std::int64_t each = (whole + parts - 1) / parts;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), each);
  sizes.back() = whole - each * (parts - 1);
  return sizes;
}

void read_split(NodeReader& reader) {
  reader.expect_inputs(1, 2);
  const std::int64_t axis = NodeReader::axis(reader.integer("axis", 0), reader.shape(0).size());
  std::vector<std::int64_t> sizes = reader.ints_of("split", 1);
  if (sizes.empty()) {
    const auto outputs = static_cast<std::int64_t>(reader.output_count());
    sizes =
        even_parts(reader.shape(0)[static_cast<std::size_t>(axis)], reader.integer("num_outputs", outputs));
  }
  const std::size_t count = sizes.size();
  if (reader.output_count() > count)
    throw FormatError("the node has " + std::to_string(reader.output_count()) + " outputs for " +
                      std::to_string(count) + " parts");
  reader.add({"VariadicSplit", 1}, {},
             {reader.input(0), reader.i64_scalar("axis", axis), reader.i64("sizes", std::move(sizes))},
             count);
}

struct Ranges {
  std::vector<std::int64_t> start, stop, step, axes;
};

void add_slice(NodeReader& reader, Ranges r) {
  if (r.axes.empty())
    for (std::size_t i = 0; i < r.start.size(); ++i) r.axes.push_back(static_cast<std::int64_t>(i));
  if (r.step.empty()) r.step.assign(r.start.size(), 1);
  for (std::int64_t& axis : r.axes) axis = NodeReader::axis(axis, reader.shape(0).size());
  reader.add({"Slice", 8}, {},
             {reader.input(0), reader.i64("start", std::move(r.start)), reader.i64("stop", std::move(r.stop)),
              reader.i64("step", std::move(r.step)), reader.i64("axes", std::move(r.axes))});
}

void read_slice_attributes(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  add_slice(reader, {reader.integers("starts"), reader.integers("ends"), {}, reader.integers("axes")});
}

void read_slice_inputs(NodeReader& reader) {
  reader.expect_inputs(3, 5);
  Ranges ranges{reader.ints(1), reader.ints(2), {}, {}};
  if (reader.has_input(3)) ranges.axes = reader.ints(3);
  if (reader.has_input(4)) ranges.step = reader.ints(4);
  add_slice(reader, std::move(ranges));
}

constexpr Operator kOperators[] = {
    {"Identity", 1, kNewest, read_identity, OnIntegers::read},
    {"Dropout", 1, kNewest, read_dropout, OnIntegers::read},
    {"Cast", 6, kNewest, read_cast},
    {"CastLike", 15, kNewest, read_cast_like},
    {"Reshape", 5, kNewest, read_reshape, OnIntegers::kept},
    {"Flatten", 1, kNewest, read_flatten, OnIntegers::kept},
    {"Squeeze", 1, kNewest, read_squeeze, OnIntegers::kept},
    {"Unsqueeze", 1, kNewest, read_unsqueeze, OnIntegers::kept},
    {"Transpose", 1, kNewest, read_transpose, OnIntegers::kept},
    {"Concat", 4, kNewest, read_concat, OnIntegers::kept},
    {"Split", 2, kNewest, read_split, OnIntegers::kept},
    {"Slice", 1, 9, read_slice_attributes, OnIntegers::kept},
    {"Slice", 10, kNewest, read_slice_inputs, OnIntegers::kept},
};

}  // namespace

std::span<const Operator> movement_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
