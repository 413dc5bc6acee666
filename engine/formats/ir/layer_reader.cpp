#include "engine/formats/ir/layer_reader.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/for_each_index.h"
#include "engine/core/parallel.h"
#include "engine/formats/ir/element_type.h"
#include "engine/formats/ir/text.h"
#include "engine/ops/movement.h"

namespace refcalib::engine::ir {
namespace {

/// True unless a floating-point element has all exponent bits set, which NaN and infinities have.
template <class Bits>
bool all_finite(std::span<const std::byte> bytes, Bits exponent_mask) noexcept {
  // A sum that carries into the sign bit, and no way out inside the loop: compilers vectorise this, and weights are most of what
  // loading reads.
  const auto lowest = static_cast<Bits>(exponent_mask & (~exponent_mask + 1u));
  Bits carried = 0;
  for (std::size_t i = 0; i + sizeof(Bits) <= bytes.size(); i += sizeof(Bits)) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i, sizeof bits);
    carried = static_cast<Bits>(carried | static_cast<Bits>((bits & exponent_mask) + lowest));
  }
  return (carried & (exponent_mask + lowest)) == 0;
}

/// The same of large blobs in pieces, on as many cores as those keep busy: it is here that a file's pages are first met.
template <class Bits>
bool all_finite_in_pieces(std::span<const std::byte> bytes, Bits exponent_mask) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  const std::size_t count = bytes.size() / piece;
  if (count < 2) return all_finite(bytes, exponent_mask);
  std::atomic<bool> finite{true};
  for_each_index(count, static_cast<int>(std::min(count, static_cast<std::size_t>(usable_cores()))),
                 [&](std::size_t i) {
                   const std::size_t begin = i * piece;
                   const auto part = i + 1 == count ? bytes.subspan(begin) : bytes.subspan(begin, piece);
                   if (!all_finite(part, exponent_mask)) finite = false;
                 });
  return finite;
}

/// True if neither the scales nor any product of an s8 with one of them overflows.
bool all_finite(const ScaledIntegers& integers) noexcept {
  return std::all_of(integers.scale.begin(), integers.scale.end(),
                     [](float scale) { return std::isfinite(128 * scale); });
}

}  // namespace

LayerReader::LayerReader(const Document& document, const Layer& layer, GraphBuilder& builder,
                         std::vector<ValueId> inputs)
    : document_(document), layer_(layer), builder_(builder), inputs_(std::move(inputs)) {}

const std::string& LayerReader::text(std::string_view key) const {
  const std::string* found = layer_.attribute(key);
  if (found == nullptr) throw FormatError("attribute '" + std::string(key) + "' is missing");
  return *found;
}

std::int64_t LayerReader::integer(std::string_view key) const {
  return parse_integer(text(key), described(key));
}

std::int64_t LayerReader::integer(std::string_view key, std::int64_t absent) const {
  return has(key) ? integer(key) : absent;
}

double LayerReader::real(std::string_view key) const {
  return parse_real(text(key), described(key));
}

double LayerReader::real(std::string_view key, double absent) const {
  return has(key) ? real(key) : absent;
}

bool LayerReader::boolean(std::string_view key, bool absent) const {
  return has(key) ? parse_boolean(text(key), described(key)) : absent;
}

std::string LayerReader::word(std::string_view key, std::string_view absent) const {
  return has(key) ? lower(text(key)) : std::string(absent);
}

std::vector<std::int64_t> LayerReader::integers(std::string_view key) const {
  return has(key) ? parse_integers(text(key), described(key)) : std::vector<std::int64_t>{};
}

std::vector<float> LayerReader::floats(std::string_view key) const {
  return has(key) ? parse_floats(text(key), described(key)) : std::vector<float>{};
}

std::vector<std::int64_t> LayerReader::spatial(std::string_view key, std::size_t count,
                                               std::int64_t absent) const {
  std::vector<std::int64_t> values = integers(key);
  if (values.empty()) return std::vector<std::int64_t>(count, absent);
  if (values.size() == 1) values.resize(count, values.front());
  if (values.size() != count)
    throw FormatError(described(key) + " has " + std::to_string(values.size()) + " values for " +
                      std::to_string(count) + " spatial dimensions");
  return values;
}

ValueId LayerReader::input(std::size_t rank) const {
  if (rank >= inputs_.size()) throw FormatError("input " + std::to_string(rank) + " is missing");
  return inputs_[rank];
}

const Shape& LayerReader::shape(std::size_t rank) const {
  return builder_.graph().value(input(rank)).shape;
}

bool LayerReader::is_constant(std::size_t rank) const {
  return rank < inputs_.size() && builder_.graph().value(inputs_[rank]).constant;
}

const Constant& LayerReader::constant(std::size_t rank) const {
  const Value& value = builder_.graph().value(input(rank));
  if (!value.constant)
    throw UnsupportedError("input " + std::to_string(rank) + " ('" + value.name + "') must be a constant",
                           {"", "", "convert the model with static shapes"});
  return value.constant;
}

void LayerReader::expect_inputs(std::size_t least, std::size_t most) const {
  if (inputs_.size() >= least && inputs_.size() <= most) return;
  const std::string expected =
      least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  throw FormatError("the layer has " + std::to_string(inputs_.size()) + " inputs; " + layer_.type +
                    " takes " + expected);
}

std::size_t LayerReader::spatial_rank() const {
  const std::size_t rank = shape(0).size();
  if (rank < 3 || rank > 5)
    throw FormatError("the input has the shape " + to_string(shape(0)) +
                      "; expected are batch, channels and 1 to 3 " + "spatial dimensions");
  return rank - 2;
}

std::int64_t LayerReader::axis(std::int64_t axis, std::size_t rank) {
  const auto size = static_cast<std::int64_t>(rank);
  const std::int64_t index = axis < 0 ? axis + size : axis;
  if (index < 0 || index >= size)
    throw FormatError("axis " + std::to_string(axis) + " is out of range for " + std::to_string(rank) +
                      " dimensions");
  return index;
}

const Blob* LayerReader::find_blob(std::string_view blob) const noexcept {
  for (const Blob& candidate : layer_.blobs)
    if (candidate.name == blob && candidate.size != 0) return &candidate;
  return nullptr;
}

bool LayerReader::has_blob(std::string_view blob) const noexcept {
  return find_blob(blob) != nullptr;
}

DType LayerReader::blob_type(const Blob& blob) const {
  if (!blob.precision.empty()) return element_type(blob.precision);
  if (!layer_.precision.empty()) return element_type(layer_.precision);
  if (!document_.precision.empty()) return element_type(document_.precision);
  return DType::f32;
}

std::int64_t LayerReader::blob_count(std::string_view blob) const {
  const Blob* found = find_blob(blob);
  return found == nullptr ? 0 : static_cast<std::int64_t>(found->size / size_of(blob_type(*found)));
}

Constant LayerReader::blob(std::string_view blob, Shape shape) const {
  const Blob* found = find_blob(blob);
  if (found == nullptr) throw FormatError("blob '" + std::string(blob) + "' is missing");
  const DType type = blob_type(*found);
  const std::int64_t needed = element_count(shape);
  if (static_cast<std::uint64_t>(needed) * size_of(type) != found->size)
    throw FormatError("blob '" + std::string(blob) + "' has " + std::to_string(found->size) +
                      " bytes; the shape " + to_string(shape) + " of " + std::string(port_precision(type)) +
                      " needs " + std::to_string(static_cast<std::uint64_t>(needed) * size_of(type)));
  Constant constant = document_constant(document_, *found, name(), type, std::move(shape));
  check_finite(constant, blob);
  return constant;
}

ValueId LayerReader::constant_value(std::string_view suffix, Constant constant) {
  return builder_.constant(name() + "/" + std::string(suffix), std::move(constant));
}

void LayerReader::add(std::string op, Attributes attributes, std::vector<ValueId> inputs,
                      std::size_t output_count) {
  outputs_ = builder_.add(std::move(op), name(), std::move(attributes), std::move(inputs), output_count);
}

ValueId LayerReader::reshaped(ValueId value, std::string_view suffix, Shape shape) {
  const Value& source = builder_.graph().value(value);
  if (source.shape == shape) return value;
  if (element_count(source.shape) != element_count(shape))
    throw FormatError("a value of shape " + to_string(source.shape) + " cannot take the shape " +
                      to_string(shape));
  if (source.constant) return constant_value(suffix, source.constant.reshaped(std::move(shape)));
  const ValueId target =
      constant_value(std::string(suffix) + "/shape", Constant::i64_vector(std::move(shape)));
  return helper("Reshape", suffix, ReshapeAttributes{false}, {value, target});
}

void LayerReader::add_reshape(Shape shape) {
  const ValueId target = constant_value("shape", Constant::i64_vector(std::move(shape)));
  add("Reshape", ReshapeAttributes{false}, {input(0), target});
}

Constant document_constant(const Document& document, const Blob& blob, const std::string& layer, DType type,
                           Shape shape) {
  const std::span<const std::byte> bytes = document.bytes(blob, layer);
  const bool mapped = blob.offset < document.weights.size() && document.weights_owner != nullptr;
  if (mapped || bytes.empty()) return Constant(type, std::move(shape), bytes, document.weights_owner);
  auto copy = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  const std::span<const std::byte> view(*copy);
  return Constant(type, std::move(shape), view, std::move(copy));
}

void check_finite(const Constant& constant, std::string_view what) {
  const bool finite =
      constant.integers() != nullptr   ? all_finite(*constant.integers())
      : constant.dtype() == DType::f32 ? all_finite_in_pieces<std::uint32_t>(constant.bytes(), 0x7f800000u)
      : constant.dtype() == DType::f16 ? all_finite_in_pieces<std::uint16_t>(constant.bytes(), 0x7c00u)
                                       : true;
  if (!finite)
    throw FormatError("'" + std::string(what) + "' holds values that are not finite",
                      {"", "", "export the model again; a weight overflowed"});
}

}  // namespace refcalib::engine::ir
