#include "engine/formats/onnx/tensor.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "engine/core/error.h"

namespace refcalib::engine::onnx {
namespace {

constexpr int kExternal = 1;  // TensorProto.data_location

Shape shape_of(const proto::TensorProto& tensor) {
  Shape shape(tensor.dims().begin(), tensor.dims().end());
  for (const std::int64_t dim : shape)
    if (dim < 0) throw FormatError("the tensor has the shape " + to_string(shape));
  element_count(shape);
  return shape;
}

Constant owning(DType type, Shape shape, std::vector<std::byte> bytes) {
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  const std::span<const std::byte> view(*owner);
  return Constant(type, std::move(shape), view, std::move(owner));
}

template <class T>
void put(std::vector<std::byte>& bytes, T value) {
  const std::size_t at = bytes.size();
  bytes.resize(at + sizeof value);
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

template <class T>
T get(std::span<const std::byte> bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof value, sizeof value);
  return value;
}

/// Bytes that an element takes in raw data; 0 for half a byte.
std::size_t stored_size(ElementType type) {
  switch (type) {
    case ElementType::u4:
    case ElementType::i4:
      return 0;
    case ElementType::f64:
      return 8;
    case ElementType::f16:
    case ElementType::bf16:
      return 2;
    default:
      return size_of(running_type(static_cast<int>(type)));
  }
}

/// What the typed lists hold, as raw data would.
std::vector<std::byte> listed_bytes(const proto::TensorProto& tensor, ElementType type) {
  std::vector<std::byte> bytes;
  for (const float v : tensor.float_data()) put(bytes, v);
  for (const double v : tensor.double_data()) put(bytes, v);
  for (const std::int64_t v : tensor.int64_data()) put(bytes, v);
  for (const std::uint64_t v : tensor.uint64_data()) {
    if (type == ElementType::u32)
      put(bytes, static_cast<std::uint32_t>(v));
    else
      put(bytes, v);
  }
  for (const std::int32_t v : tensor.int32_data()) {
    const std::size_t size = std::max<std::size_t>(stored_size(type), 1);
    if (size == 4)
      put(bytes, v);
    else if (size == 2)
      put(bytes, static_cast<std::uint16_t>(v & 0xffff));
    else
      put(bytes, static_cast<std::uint8_t>(v & 0xff));
  }
  return bytes;
}

/// Types whose elements are converted; the others are taken as they are.
std::optional<std::vector<std::byte>> converted(std::span<const std::byte> raw, ElementType type,
                                                std::size_t count) {
  std::vector<std::byte> bytes;
  const auto each = [&](auto element) {
    for (std::size_t i = 0; i < count; ++i) put(bytes, element(i));
    return bytes;
  };
  switch (type) {
    case ElementType::f64:
      return each([&](std::size_t i) { return static_cast<float>(get<double>(raw, i)); });
    case ElementType::f16:
      return each([&](std::size_t i) { return half_to_float(get<std::uint16_t>(raw, i)); });
    case ElementType::bf16:
      return each([&](std::size_t i) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(get<std::uint16_t>(raw, i)) << 16);
      });
    case ElementType::u4:
    case ElementType::i4:
      return each([&](std::size_t i) {
        const int nibble = (std::to_integer<int>(raw[i / 2]) >> (i % 2 * 4)) & 0xf;
        return static_cast<std::uint8_t>(type == ElementType::i4 && nibble > 7 ? nibble - 16 : nibble);
      });
    default:
      return std::nullopt;
  }
}

std::uint64_t parse_number(const std::string& text, const char* key) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw FormatError(std::string("external data has the ") + key + " '" + text + "'");
  return value;
}

}  // namespace

DType running_type(int element_type) {
  switch (static_cast<ElementType>(element_type)) {
    case ElementType::f32:
    case ElementType::f16:
    case ElementType::bf16:
    case ElementType::f64:
      return DType::f32;
    case ElementType::u8:
    case ElementType::u4:
      return DType::u8;
    case ElementType::i8:
    case ElementType::i4:
      return DType::i8;
    case ElementType::u16:
      return DType::u16;
    case ElementType::i16:
      return DType::i16;
    case ElementType::i32:
      return DType::i32;
    case ElementType::i64:
      return DType::i64;
    case ElementType::boolean:
      return DType::boolean;
    case ElementType::u32:
      return DType::u32;
    case ElementType::u64:
      return DType::u64;
    default:
      throw UnsupportedError("element type " + std::to_string(element_type) + " is not supported");
  }
}

TensorReader::Bytes TensorReader::external(const proto::TensorProto& tensor) {
  std::string location;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
  for (const proto::StringStringEntryProto& entry : tensor.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") offset = parse_number(entry.value(), "offset");
    if (entry.key() == "length") length = parse_number(entry.value(), "length");
  }
  const std::filesystem::path relative(location);
  const bool inside = !location.empty() && relative.is_relative() &&
                      std::find(relative.begin(), relative.end(), "..") == relative.end();
  if (!inside)
    throw FormatError("external data lies at '" + location + "', which is not inside the model's folder");
  auto found = files_.find(location);
  if (found == files_.end()) {
    const std::filesystem::path path = folder_ / relative;
    if (!std::filesystem::is_regular_file(path))
      throw IoError("the file of external data '" + path.string() + "' is missing",
                    {"", "", "put it beside the model"});
    found = files_.emplace(location, ir::map_file(path)).first;
  }
  const std::span<const std::byte> all = found->second.bytes;
  if (offset > all.size() || length.value_or(0) > all.size() - offset)
    throw FormatError("external data of " + std::to_string(length.value_or(0)) + " bytes at offset " +
                      std::to_string(offset) + " lies outside '" + location + "' of " +
                      std::to_string(all.size()) + " bytes");
  const auto begin = static_cast<std::size_t>(offset);
  const auto size = length ? static_cast<std::size_t>(*length) : all.size() - begin;
  return {all.subspan(begin, size), found->second.owner};
}

Constant TensorReader::read(const proto::TensorProto& tensor) {
  const auto type = static_cast<ElementType>(tensor.data_type());
  const DType running = running_type(tensor.data_type());
  Shape shape = shape_of(tensor);
  const auto count = static_cast<std::size_t>(element_count(shape));
  Bytes bytes;
  if (tensor.data_location() == kExternal) {
    bytes = external(tensor);
  } else if (tensor.has_raw_data()) {
    bytes = {std::as_bytes(std::span(tensor.raw_data())), model_};
  } else {
    auto listed = std::make_shared<const std::vector<std::byte>>(listed_bytes(tensor, type));
    bytes = {*listed, listed};
  }
  const std::size_t each = stored_size(type);
  const std::size_t needed = each == 0 ? (count + 1) / 2 : count * each;
  if (bytes.data.size() != needed)
    throw FormatError("the tensor has " + std::to_string(bytes.data.size()) + " bytes; the shape " +
                      to_string(shape) + " needs " + std::to_string(needed));
  if (auto changed = converted(bytes.data, type, count))
    return owning(running, std::move(shape), std::move(*changed));
  return Constant(running, std::move(shape), bytes.data, std::move(bytes.owner));
}

}  // namespace refcalib::engine::onnx
