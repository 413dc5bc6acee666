#include <algorithm>
#include <cstring>
#include <memory>

#include "engine/core/error.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

/// What shapes and numbers of the model say at once.
void set_constant(NodeReader& reader, Constant constant) {
  reader.set_output(reader.builder().constant(reader.name(), std::move(constant)));
}

void read_constant(NodeReader& reader) {
  reader.expect_inputs(0, 0);
  if (reader.has("value")) return set_constant(reader, reader.tensor("value"));
  if (reader.has("value_float"))
    return set_constant(reader, Constant::f32({}, {static_cast<float>(reader.real("value_float", 0))}));
  if (reader.has("value_int")) return set_constant(reader, Constant::i64({}, {reader.integer("value_int")}));
  if (reader.has("value_floats")) {
    std::vector<float> values = reader.floats("value_floats");
    const auto count = static_cast<std::int64_t>(values.size());
    return set_constant(reader, Constant::f32({count}, std::move(values)));
  }
  if (reader.has("value_ints"))
    return set_constant(reader, Constant::i64_vector(reader.integers("value_ints")));
  throw UnsupportedError("a constant of texts or of a sparse tensor is not supported");
}

constexpr std::int64_t kMostElements = std::int64_t{1} << 24;

void read_constant_of_shape(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const Shape shape = reader.ints(0);
  const Constant value = reader.has("value") ? reader.tensor("value") : Constant::f32({1}, {0});
  if (value.count() != 1) throw FormatError("attribute 'value' is not a single number");
  const std::int64_t count = element_count(shape);
  if (count > kMostElements) throw FormatError("a constant of shape " + to_string(shape) + " is too large");
  auto bytes = std::make_shared<std::vector<std::byte>>();
  for (std::int64_t i = 0; i < count; ++i)
    bytes->insert(bytes->end(), value.bytes().begin(), value.bytes().end());
  const std::span<const std::byte> view(*bytes);
  set_constant(reader, Constant(value.dtype(), shape, view, bytes));
}

/// Dimensions from `start` to `end`, from version 15 on.
void read_shape(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const Shape shape = reader.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto bound = [&](const char* key, std::int64_t absent) {
    const std::int64_t at = reader.integer(key, absent);
    return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const std::int64_t start = bound("start", 0), end = std::max(bound("end", rank), start);
  set_constant(reader, Constant::i64_vector(Shape(shape.begin() + start, shape.begin() + end)));
}

void read_size(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  set_constant(reader, Constant::i64({}, {element_count(reader.shape(0))}));
}

void read_range(NodeReader& reader) {
  reader.expect_inputs(3, 3);
  reader.add({"Range", 4}, {{"output_type", std::string(to_string(reader.dtype(0)))}},
             {reader.input(0), reader.input(1), reader.input(2)});
}

void read_eye_like(NodeReader& reader) {
  reader.expect_inputs(1, 1);
  const Shape shape = reader.shape(0);
  if (shape.size() != 2)
    throw FormatError("the input has the shape " + to_string(shape) + "; expected is a matrix");
  const DType type =
      reader.has("dtype") ? running_type(static_cast<int>(reader.integer("dtype"))) : reader.dtype(0);
  reader.add({"Eye", 9}, {{"output_type", std::string(to_string(type))}},
             {reader.i64_scalar("rows", shape[0]), reader.i64_scalar("columns", shape[1]),
              reader.i64_scalar("diagonal", reader.integer("k", 0))});
}

constexpr Operator kOperators[] = {
    {"Constant", 1, kNewest, read_constant},
    {"ConstantOfShape", 9, kNewest, read_constant_of_shape},
    {"Shape", 1, kNewest, read_shape, OnIntegers::read},
    {"Size", 1, kNewest, read_size, OnIntegers::read},
    {"Range", 11, kNewest, read_range},
    {"EyeLike", 9, kNewest, read_eye_like},
};

}  // namespace

std::span<const Operator> constant_operators() noexcept {
  return kOperators;
}

}  // namespace refcalib::engine::onnx
