#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/formats/onnx/operators.h"
#include "engine/formats/onnx/quantization.h"

namespace refcalib::engine::onnx {
namespace {

/// Smallest and largest integer of a type that quantized numbers have.
struct Bounds {
  std::int64_t low, high;
};
Bounds bounds_of(DType type) {
  switch (type) {
    case DType::u8:
      return {0, 255};
    case DType::i8:
      return {-128, 127};
    case DType::u16:
      return {0, 65535};
    case DType::i16:
      return {-32768, 32767};
    default:
      throw UnsupportedError("quantization to " + std::string(to_string(type)) + " is not supported");
  }
}

/// One number for all, or one per channel along the axis of a tensor of `rank` dimensions.
Shape parameter_shape(const TensorQuantization& q, std::size_t rank) {
  if (q.scale.size() == 1) return {};
  if (q.axis >= rank) throw FormatError("axis " + std::to_string(q.axis) + " of the scales is out of range");
  Shape shape(rank - q.axis, 1);
  shape.front() = static_cast<std::int64_t>(q.scale.size());
  return shape;
}

void check_channels(const TensorQuantization& q, const Shape& shape) {
  if (q.scale.size() == 1) return;
  if (q.axis >= shape.size() || shape[q.axis] != static_cast<std::int64_t>(q.scale.size()))
    throw FormatError(std::to_string(q.scale.size()) + " scales do not fit axis " + std::to_string(q.axis) +
                      " of the shape " + to_string(shape));
}

/// Zero points of real integer tensors as floats of the parameter's shape.
Constant zero_points(const TensorQuantization& q, const Shape& shape) {
  return Constant::f32(shape, std::vector<float>(q.zero_point.begin(), q.zero_point.end()));
}

/// (integer - zero point) * scale as layers; `stored`: they stay although they fold.
ValueId scaled(NodeReader& reader, ValueId integers, const TensorQuantization& q, std::string_view suffix,
               bool stored) {
  const std::string name = reader.name() + "/" + std::string(suffix);
  const Shape shape = parameter_shape(q, reader.builder().value(integers).shape.size());
  const auto add = [&](std::string_view type, const char* part, ir::AttributeTexts texts,
                       std::vector<ValueId> in) {
    return stored ? reader.builder().stored({type, 1}, name + part, std::move(texts), std::move(in))
                  : reader.builder().helper({type, 1}, name + part, std::move(texts), std::move(in));
  };
  const auto parameter = [&](const char* part, Constant constant) {
    return reader.builder().constant(name + part, std::move(constant));
  };
  ValueId x = add("Convert", "/integers", {{"destination_type", "f32"}}, {integers});
  const bool shifted =
      std::any_of(q.zero_point.begin(), q.zero_point.end(), [](std::int64_t z) { return z != 0; });
  if (shifted) x = add("Subtract", "/shifted", {}, {x, parameter("/zero_point", zero_points(q, shape))});
  return add("Multiply", "/scaled", {}, {x, parameter("/scale", Constant::f32(shape, q.scale))});
}

/// The integers of a constant of floats.
Constant integers_of(const Constant& constant, const TensorQuantization& q) {
  const Bounds bounds = bounds_of(q.type);
  if (q.type != DType::u8 && q.type != DType::i8)
    throw UnsupportedError("constants of 16-bit integers are not supported");
  const std::vector<float> values = constant.to_floats();
  std::size_t inner = 1;
  for (std::size_t d = q.axis + 1; d < constant.shape().size(); ++d)
    inner *= static_cast<std::size_t>(constant.shape()[d]);
  auto bytes = std::make_shared<std::vector<std::byte>>(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = q.scale.size() == 1 ? 0 : i / inner % q.scale.size();
    const float exact = std::nearbyint(values[i] / q.scale[c]) + static_cast<float>(q.zero_point[c]);
    const float clamped = std::clamp(exact, static_cast<float>(bounds.low), static_cast<float>(bounds.high));
    (*bytes)[i] = static_cast<std::byte>(static_cast<int>(clamped) & 0xff);
  }
  const std::span<const std::byte> view(*bytes);
  return Constant(q.type, constant.shape(), view, bytes);
}

/// Quantizers leave out a ReLU or ReLU6 where the integers cannot hold what it cuts off. A value that stays in float needs it, so
/// that sums and products get their limits back; fused into them they cost nothing.
ValueId clamped(NodeReader& reader, ValueId x, const TensorQuantization& q) {
  const Bounds bounds = bounds_of(q.type);
  if (q.scale.size() != 1 || q.zero_point.front() != bounds.low) return x;
  constexpr std::string_view unlimited[] = {"Convolution", "GroupConvolution", "Add", "MatMul"};
  if (std::find(std::begin(unlimited), std::end(unlimited), reader.builder().type_of(x)) ==
      std::end(unlimited))
    return x;
  const double high = static_cast<double>(bounds.high - bounds.low) * static_cast<double>(q.scale.front());
  return reader.helper({"Clamp", 1}, "clamp",
                       {{"min", "0"}, {"max", ir::format_float(static_cast<float>(high))}}, {x});
}

TensorQuantization of_node(const NodeReader& reader) {
  if (reader.integer("block_size", 0) != 0) throw UnsupportedError("quantization in blocks is not supported");
  const std::size_t rank = reader.shape(0).size();
  std::int64_t axis = reader.integer("axis", 1);
  if (axis < 0) axis += static_cast<std::int64_t>(rank);
  const Tensor& x = reader.tensor_input(0);
  const DType type = x.quantization              ? x.quantization->type
                     : is_float(reader.dtype(0)) ? DType::u8
                                                 : reader.dtype(0);
  return quantization_of(reader, 1, 2, axis, type);
}

/// Constants become integers at once: they are weights.
void read_quantize(NodeReader& reader) {
  reader.expect_inputs(2, 3);
  const TensorQuantization q = of_node(reader);
  check_channels(q, reader.shape(0));
  if (!reader.is_constant(0)) return set_quantized(reader, reader.input(0), q);
  reader.set_output(reader.builder().constant(reader.name(), integers_of(reader.constant(0), q)));
}

void read_dequantize(NodeReader& reader) {
  reader.expect_inputs(2, 3);
  reader.set_output(dequantized(reader, 0, of_node(reader), "real"));
}

constexpr Operator kOperators[] = {
    {"QuantizeLinear", 10, kNewest, read_quantize},
    {"DequantizeLinear", 10, kNewest, read_dequantize, OnIntegers::read},
    {"QuantizeLinear", 1, kNewest, read_quantize, OnIntegers::refused, kRuntimeDomain},
    {"DequantizeLinear", 1, kNewest, read_dequantize, OnIntegers::read, kRuntimeDomain},
};

}  // namespace

std::span<const Operator> quantization_operators() noexcept {
  return kOperators;
}

TensorQuantization quantization_of(const NodeReader& reader, std::size_t scale, std::size_t zero_point,
                                   std::int64_t axis, DType type) {
  TensorQuantization q;
  q.scale = reader.constant(scale).to_floats();
  q.axis = axis < 0 ? 0 : static_cast<std::size_t>(axis);
  q.type = type;
  if (q.scale.empty()) throw FormatError("the scale has no elements");
  for (const float s : q.scale)
    if (!(s > 0) || !std::isfinite(s))
      throw FormatError("the scale " + std::to_string(s) + " is not positive");
  if (!reader.has_input(zero_point)) {
    q.zero_point.assign(q.scale.size(), 0);
    return q;
  }
  q.zero_point = reader.ints(zero_point);
  q.type = reader.constant(zero_point).dtype();
  if (q.zero_point.size() == 1) q.zero_point.resize(q.scale.size(), q.zero_point.front());
  if (q.zero_point.size() != q.scale.size())
    throw FormatError(std::to_string(q.scale.size()) + " scales and " + std::to_string(q.zero_point.size()) +
                      " zero points do not fit together");
  return q;
}

QuantizationRange representable_range(const TensorQuantization& q) {
  const Bounds bounds = bounds_of(q.type);
  const auto limit = [&](std::int64_t bound) {
    return static_cast<float>(static_cast<double>(bound - q.zero_point.front()) *
                              static_cast<double>(q.scale.front()));
  };
  return {limit(bounds.low), limit(bounds.high)};
}

ValueId dequantized(NodeReader& reader, std::size_t rank, const TensorQuantization& q,
                    std::string_view suffix) {
  const Tensor& tensor = reader.tensor_input(rank);
  check_channels(q, reader.shape(rank));
  if (tensor.quantization) {
    const TensorQuantization& given = *tensor.quantization;
    const bool same = given.scale == q.scale && given.zero_point == q.zero_point &&
                      (q.scale.size() == 1 || given.axis == q.axis);
    if (!same)
      throw UnsupportedError("reads integers with other parameters than those that they were made with");
    return tensor.value;
  }
  const DType type = reader.dtype(rank);
  if (is_float(type)) throw FormatError("input " + std::to_string(rank) + " is not of integers");
  const bool weights = reader.is_constant(rank) && (type == DType::i8 || type == DType::u8);
  return scaled(reader, tensor.value, q, suffix, weights);
}

void set_quantized(NodeReader& reader, ValueId x, const TensorQuantization& q) {
  x = clamped(reader, x, q);
  const Bounds bounds = bounds_of(q.type);
  const Shape& data = reader.builder().value(x).shape;
  check_channels(q, data);
  Shape shape = parameter_shape(q, data.size());
  std::vector<float> low, high;
  for (std::size_t c = 0; c < q.scale.size(); ++c) {
    const auto limit = [&](std::int64_t bound) {
      return static_cast<float>(static_cast<double>(bound - q.zero_point[c]) *
                                static_cast<double>(q.scale[c]));
    };
    low.push_back(limit(bounds.low));
    high.push_back(limit(bounds.high));
  }
  const ValueId least = reader.constant_value("low", Constant::f32(shape, std::move(low)));
  const ValueId most = reader.constant_value("high", Constant::f32(shape, std::move(high)));
  const std::string levels = std::to_string(bounds.high - bounds.low + 1);
  const ValueId rounded =
      reader.builder()
          .add({"FakeQuantize", 1}, reader.name(), {{"levels", levels}, {"auto_broadcast", "numpy"}},
               {x, least, most, least, most})
          .front();
  reader.set_output(0, Tensor{rounded, q});
}

}  // namespace refcalib::engine::onnx
