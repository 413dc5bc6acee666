#include <algorithm>
#include <array>
#include <charconv>

#include "engine/core/error.h"
#include "engine/formats/ir/common_layers.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/opset_layers.h"
#include "engine/formats/ir/rearrange_layers.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/fold.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

/// The dimensions of a Parameter. Anything but positive numbers is dynamic.
Shape parameter_shape(const LayerReader& reader) {
  const std::string text = reader.word("shape", "");
  Shape shape;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string_view item = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    std::int64_t dim = 0;
    const auto [last, error] = std::from_chars(item.data(), item.data() + item.size(), dim);
    const bool number = error == std::errc{} && last == item.data() + item.size();
    if (number && dim == 0) throw FormatError("the input has an empty dimension in its shape [" + text + "]");
    const bool dynamic = item == "?" || item == "-1" || item.find("..") != std::string_view::npos;
    if (!number && !dynamic)
      throw FormatError("attribute 'shape' \"" + text + "\" is not a list of dimensions");
    if (dynamic || dim < 0)
      throw UnsupportedError("input '" + reader.name() + "' has the dynamic shape [" + text + "]",
                             {"", "", "give it a static shape with -shape"});
    shape.push_back(dim);
  }
  element_count(shape);
  return shape;
}

/// Applications feed floats to float and image inputs; integer index inputs keep their type.
void read_parameter(LayerReader& reader) {
  reader.expect_inputs(0, 0);
  const DType type = element_type(reader.word("element_type", "f32"));
  const bool index = type == DType::i32 || type == DType::i64 || type == DType::u32 || type == DType::u64;
  reader.set_outputs(
      {reader.builder().input(reader.name(), index ? type : DType::f32, parameter_shape(reader))});
}

void read_const(LayerReader& reader) {
  const DType type = element_type(reader.word("element_type", ""));
  const Shape shape = reader.integers("shape");
  const std::uint64_t needed = static_cast<std::uint64_t>(element_count(shape)) * size_of(type);
  Blob blob = constant_blob(reader.layer());
  if (blob.size != needed)
    throw FormatError("the constant has " + std::to_string(blob.size) + " bytes; the shape " +
                      to_string(shape) + " of " + std::string(to_string(type)) + " needs " +
                      std::to_string(needed));
  reader.set_outputs({reader.builder().constant(
      reader.name(), document_constant(reader.document(), blob, reader.name(), type, shape))});
}

void read_convert(LayerReader& reader) {
  if (!reader.has("destination_type")) throw FormatError("attribute 'destination_type' is missing");
  const DType type = element_type(reader.word("destination_type", ""));
  reader.add("Convert", ConvertAttributes{std::string(to_string(type))}, {reader.input(0)});
}

void read_reshape(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  add_reshape_to_input(reader, false);
}

void read_split(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const std::vector<std::int64_t> axes = reader.ints(1);
  if (axes.size() != 1) throw FormatError("the axis is not a single number");
  const std::int64_t axis = LayerReader::axis(axes.front(), reader.shape(0).size());
  const std::int64_t whole = reader.shape(0).at(static_cast<std::size_t>(axis));
  const std::int64_t parts = reader.integer("num_splits");
  if (parts < 1 || parts > whole || whole % parts != 0)
    throw FormatError(std::to_string(whole) + " elements cannot be split into " + std::to_string(parts) +
                      " parts");
  add_split(reader, axis, std::vector<std::int64_t>(static_cast<std::size_t>(parts), whole / parts));
}

void read_variadic_split(LayerReader& reader) {
  reader.expect_inputs(3, 3);
  const std::vector<std::int64_t> axes = reader.ints(1);
  if (axes.size() != 1) throw FormatError("the axis is not a single number");
  add_split(reader, axes.front(), reader.ints(2));
}

std::vector<std::int64_t> padded(std::vector<std::int64_t> mask, std::size_t count) {
  mask.resize(std::max(mask.size(), count), 0);
  return mask;
}

void read_strided_slice(LayerReader& reader) {
  reader.expect_inputs(3, 4);
  const auto count = static_cast<std::size_t>(reader.constant(1).count());
  const ValueId strides =
      reader.input_count() > 3
          ? reader.input(3)
          : reader.constant_value("strides", Constant::i64_vector(std::vector<std::int64_t>(count, 1)));
  StridedSliceAttributes attributes;
  attributes.begin_mask = padded(reader.integers("begin_mask"), count);
  attributes.end_mask = padded(reader.integers("end_mask"), count);
  attributes.new_axis_mask = padded(reader.integers("new_axis_mask"), count);
  attributes.shrink_axis_mask = padded(reader.integers("shrink_axis_mask"), count);
  attributes.ellipsis_mask = padded(reader.integers("ellipsis_mask"), count);
  reader.add("StridedSlice", std::move(attributes),
             {reader.input(0), reader.input(1), reader.input(2), strides});
}

/// Slice names its axes; a StridedSlice ignores begin and end on the others.
void read_slice(LayerReader& reader) {
  reader.expect_inputs(4, 5);
  const std::size_t rank = reader.shape(0).size();
  const std::vector<std::int64_t> start = reader.ints(1);
  const std::vector<std::int64_t> stop = reader.ints(2);
  const std::vector<std::int64_t> step = reader.ints(3);
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < start.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  if (reader.input_count() > 4) axes = reader.ints(4);
  if (stop.size() != start.size() || step.size() != start.size() || axes.size() != start.size())
    throw FormatError("start, stop, step and axes have different lengths");
  StridedSliceAttributes attributes;
  attributes.begin_mask = attributes.end_mask = std::vector<std::int64_t>(rank, 1);
  Ranges ranges = Ranges::all(reader.shape(0));
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(LayerReader::axis(axes[i], rank));
    ranges.begin.at(axis) = start[i];
    ranges.end[axis] = stop[i];
    ranges.steps[axis] = step[i];
    attributes.begin_mask[axis] = attributes.end_mask[axis] = 0;
  }
  add_slice(reader, reader.input(0), std::move(ranges), std::move(attributes));
}

/// Values of the type that the layer asks for; i64 unless told.
void read_shape_of(LayerReader& reader) {
  reader.expect_inputs(1, 1);
  const std::string type(to_string(element_type(reader.word("output_type", "i64"))));
  const ValueId shape = reader.helper("ShapeOf", "i64", NoAttributes{}, {reader.input(0)});
  reader.add("Convert", ConvertAttributes{type}, {shape});
}

/// Version 4 states the type of its result.
void read_range(LayerReader& reader) {
  if (!reader.has("output_type")) return reader.add("Range", NoAttributes{}, reader.inputs());
  const std::string type(to_string(element_type(reader.word("output_type", ""))));
  std::vector<ValueId> inputs;
  for (std::size_t i = 0; i < reader.input_count(); ++i)
    inputs.push_back(reader.helper("Convert", std::to_string(i), ConvertAttributes{type}, {reader.input(i)}));
  reader.add("Range", NoAttributes{}, std::move(inputs));
}

/// Version 15 may pass over named dimensions that are not 1.
void read_squeeze(LayerReader& reader) {
  reader.expect_inputs(1, 2);
  const Shape shape = reader.shape(0);
  std::vector<std::int64_t> axes;
  if (reader.input_count() > 1) axes = reader.ints(1);
  if (reader.boolean("allow_axis_skip", false) && !axes.empty()) {
    std::erase_if(axes, [&](std::int64_t axis) {
      return shape[static_cast<std::size_t>(LayerReader::axis(axis, shape.size()))] != 1;
    });
    if (axes.empty()) return add_identity(reader);
  }
  add_squeeze(reader, std::move(axes));
}

/// A variable holds its initial value whenever a run begins: what its input says, or zeros of the stated shape.
void read_variable(LayerReader& reader) {
  reader.expect_inputs(0, 1);
  if (reader.input_count() == 1) return add_identity(reader);
  const DType type = element_type(reader.word("variable_type", "f32"));
  const Shape shape = reader.integers("variable_shape");
  const std::int64_t count = element_count(shape);
  if (count > (1 << 24)) throw FormatError("a variable of shape " + to_string(shape) + " is too large");
  const std::vector<double> zeros(static_cast<std::size_t>(count), 0.0);
  reader.set_outputs({reader.builder().constant(reader.name(), make_constant(type, shape, zeros))});
}

/// The narrowest type that holds both: floats are f32 here; of integers the wider one, signed if one of them is, and a signed one
/// that is wider than an unsigned one beside it (past 64 bits the type that the attribute names).
DType promoted(DType a, DType b, DType beyond) {
  if (a == b) return a;
  if (is_float(a) || is_float(b)) return DType::f32;
  if (a == DType::boolean || b == DType::boolean) return a == DType::boolean ? b : a;
  constexpr std::array kSigned = {DType::i8, DType::i16, DType::i32, DType::i64};
  const auto is_signed = [&](DType t) {
    return std::find(kSigned.begin(), kSigned.end(), t) != kSigned.end();
  };
  const DType wider = size_of(a) >= size_of(b) ? a : b, other = wider == a ? b : a;
  if (is_signed(a) == is_signed(b)) return wider;
  if (is_signed(wider) && size_of(wider) > size_of(other)) return wider;
  const DType whole = is_signed(a) ? b : a;
  switch (size_of(whole)) {
    case 1:
      return DType::i16;
    case 2:
      return DType::i32;
    case 4:
      return DType::i64;
    default:
      return beyond;
  }
}

void read_promotion(LayerReader& reader) {
  reader.expect_inputs(2, 2);
  const auto type_of = [&](std::size_t rank) {
    const Value& value = reader.builder().graph().value(reader.input(rank));
    return value.constant ? value.constant.dtype() : value.dtype;
  };
  DType a = type_of(0), b = type_of(1);
  // As in PyTorch a scalar does not widen a tensor of its own kind.
  if (reader.boolean("pytorch_scalar_promotion", false) && is_float(a) == is_float(b)) {
    if (reader.shape(0).empty() && !reader.shape(1).empty()) a = b;
    if (reader.shape(1).empty() && !reader.shape(0).empty()) b = a;
  }
  const DType target = promoted(a, b, element_type(reader.word("u64_integer_promotion_target", "f32")));
  std::vector<ValueId> outputs;
  for (std::size_t i = 0; i < 2; ++i)
    outputs.push_back(type_of(i) == target ? reader.input(i)
                                           : reader.helper("Convert", std::to_string(i),
                                                           ConvertAttributes{std::string(to_string(target))},
                                                           {reader.input(i)}));
  reader.set_outputs(std::move(outputs));
}

constexpr std::array<OpsetLayer, 19> kLayers = {{
    {"parameter", 1, kNewest, read_parameter},
    {"const", 1, kNewest, read_const},
    {"convert", 1, kNewest, read_convert},
    {"reshape", 1, kNewest, read_reshape},
    {"squeeze", 1, kNewest, read_squeeze},
    {"unsqueeze", 1, kNewest, [](LayerReader& r) { add_unsqueeze(r, r.ints(1)); }},
    {"transpose", 1, kNewest, [](LayerReader& r) { add_transpose(r, r.ints(1)); }},
    {"concat", 1, kNewest, [](LayerReader& r) { add_concat(r, r.integer("axis")); }},
    {"split", 1, kNewest, read_split},
    {"variadicsplit", 1, kNewest, read_variadic_split},
    {"stridedslice", 1, kNewest, read_strided_slice},
    {"slice", 8, kNewest, read_slice},
    {"shapeof", 1, kNewest, read_shape_of},
    {"range", 1, kNewest, read_range},
    {"readvalue", 3, kNewest, read_variable},
    {"assign", 3, kNewest,
     [](LayerReader& r) {
       r.expect_inputs(1, 1);
       add_identity(r);
     }},
    {"convertpromotetypes", 14, kNewest, read_promotion},
    {"result", 1, kNewest, [](LayerReader& r) { r.expect_inputs(1, 1); }},
    {"convertlike", 1, kNewest,
     [](LayerReader& r) {
       const DType type = r.builder().graph().value(r.input(1)).dtype;
       r.add("Convert", ConvertAttributes{std::string(to_string(type))}, {r.input(0)});
     }},
}};

}  // namespace

std::span<const OpsetLayer> opset_movement_layers() noexcept {
  return kLayers;
}

}  // namespace refcalib::engine::ir
