#include "engine/formats/ir/element_type.h"

#include <array>
#include <string>

#include "engine/core/error.h"
#include "engine/formats/ir/text.h"
#include "engine/graph/constant.h"

namespace refcalib::engine::ir {
namespace {

struct Row {
  DType type;
  std::string_view port, attribute;
};

constexpr std::array<Row, 13> kTypes = {{{DType::f32, "FP32", "f32"},
                                         {DType::f16, "FP16", "f16"},
                                         {DType::f64, "FP64", "f64"},
                                         {DType::i64, "I64", "i64"},
                                         {DType::i32, "I32", "i32"},
                                         {DType::i16, "I16", "i16"},
                                         {DType::i8, "I8", "i8"},
                                         {DType::u8, "U8", "u8"},
                                         {DType::u8, "UI8", "u8"},  // spelling of 2019 exporters
                                         {DType::u16, "U16", "u16"},
                                         {DType::u32, "U32", "u32"},
                                         {DType::u64, "U64", "u64"},
                                         {DType::boolean, "BOOL", "boolean"}}};

std::uint64_t size_attribute(const Layer& layer, const char* key) {
  const std::string* text = layer.attribute(key);
  if (text == nullptr)
    throw FormatError(std::string("the constant has no attribute '") + key + "'", {"", layer.name, ""});
  const std::int64_t value = parse_integer(*text, std::string("attribute '") + key + "'");
  if (value < 0)
    throw FormatError(std::string("attribute '") + key + "' \"" + *text + "\" is negative",
                      {"", layer.name, ""});
  return static_cast<std::uint64_t>(value);
}

}  // namespace

std::optional<DType> find_element_type(std::string_view name) noexcept {
  for (const Row& row : kTypes)
    if (equal_ignoring_case(name, row.port) || equal_ignoring_case(name, row.attribute)) return row.type;
  return std::nullopt;
}

DType element_type(std::string_view name) {
  if (const std::optional<DType> type = find_element_type(name)) return *type;
  throw UnsupportedError("element type '" + std::string(name) + "' is not supported");
}

std::string_view port_precision(DType type) noexcept {
  for (const Row& row : kTypes)
    if (row.type == type) return row.port;
  return "UNSPECIFIED";
}

std::vector<std::byte> encode_floats(DType type, std::span<const float> values) {
  const auto copy = [](const auto& elements) {
    const auto bytes = std::as_bytes(std::span(elements));
    return std::vector<std::byte>(bytes.begin(), bytes.end());
  };
  if (type == DType::f32) return copy(values);
  if (type != DType::f16)
    throw UnsupportedError("weights of type " + std::string(port_precision(type)) + " cannot be replaced");
  std::vector<std::uint16_t> halves;
  halves.reserve(values.size());
  for (const float value : values) halves.push_back(float_to_half(value));
  return copy(halves);
}

Blob constant_blob(const Layer& layer) {
  Blob blob;
  blob.name = "constant";
  blob.size = size_attribute(layer, "size");
  blob.offset = size_attribute(layer, "offset");
  return blob;
}

}  // namespace refcalib::engine::ir
