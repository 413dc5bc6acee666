#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "tests/fuzz/mutate.h"

// Knows the wire format of protocol buffers and nothing of any schema.

namespace refcalib_fuzz {
namespace {

using refcalib_test::Random;

constexpr std::uint64_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;
constexpr int kDeepest = 8;

/// A field of a message. Bytes that can be read as a message are one.
struct Field {
  std::uint64_t number = 0, wire = 0, value = 0;
  std::string bytes;  ///< of a kBytes field that is no message, or of a fixed one
  std::vector<Field> fields;
};

std::optional<std::uint64_t> read_varint(const std::string& bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && at < bytes.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

void write_varint(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>((value & 0x7F) | 0x80));
  bytes.push_back(static_cast<char>(value));
}

std::optional<std::vector<Field>> parse(const std::string& bytes, int depth) {
  std::vector<Field> fields;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto tag = read_varint(bytes, at);
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 1000) return std::nullopt;
    Field field;
    field.number = *tag >> 3;
    field.wire = *tag & 7;
    if (field.wire == kVarint) {
      const auto value = read_varint(bytes, at);
      if (!value) return std::nullopt;
      field.value = *value;
    } else {
      std::optional<std::uint64_t> size;
      if (field.wire == kFixed32) size = 4;
      if (field.wire == kFixed64) size = 8;
      if (field.wire == kBytes) size = read_varint(bytes, at);
      if (!size || *size > bytes.size() - at) return std::nullopt;
      field.bytes = bytes.substr(at, static_cast<std::size_t>(*size));
      at += static_cast<std::size_t>(*size);
      if (field.wire == kBytes && depth < kDeepest && field.bytes.size() > 1)
        if (auto inner = parse(field.bytes, depth + 1)) field.fields = std::move(*inner);
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::string serialized(const std::vector<Field>& fields) {
  std::string bytes;
  for (const Field& field : fields) {
    write_varint(bytes, field.number << 3 | field.wire);
    if (field.wire == kVarint) {
      write_varint(bytes, field.value);
      continue;
    }
    const std::string content = field.fields.empty() ? field.bytes : serialized(field.fields);
    if (field.wire == kBytes) write_varint(bytes, content.size());
    bytes += content;
  }
  return bytes;
}

/// The list of fields that holds a random one, deeper ones as likely as those on top.
std::vector<Field>& random_list(std::vector<Field>& top, Random& random) {
  std::vector<Field>* list = &top;
  while (!chance(random, 25)) {
    Field& next = pick(*list, random);
    if (next.fields.empty()) break;
    list = &next.fields;
  }
  return *list;
}

void change_value(Field& field, Random& random) {
  constexpr std::array<std::uint64_t, 12> extremes = {0,
                                                      1,
                                                      2,
                                                      3,
                                                      7,
                                                      100,
                                                      65536,
                                                      0x7FFFFFFF,
                                                      0xFFFFFFFF,
                                                      0x7FFFFFFFFFFFFFFF,
                                                      0x8000000000000000,
                                                      0xFFFFFFFFFFFFFFFF};
  if (field.wire == kVarint) {
    field.value = chance(random, 50) ? pick(extremes, random)
                                     : field.value + static_cast<std::uint64_t>(random.integer(-3, 3));
  } else if (field.fields.empty()) {
    const std::size_t size = field.bytes.size();
    mutate_bytes(field.bytes, random);
    if (field.wire != kBytes) field.bytes.resize(size);
  }
}

void change(std::vector<Field>& top, Random& random) {
  std::vector<Field>& list = random_list(top, random);
  if (list.empty()) return;
  const auto at = static_cast<std::ptrdiff_t>(random.bits() % list.size());
  Field& field = list[static_cast<std::size_t>(at)];
  switch (random.integer(0, 7)) {
    case 0:
      list.erase(list.begin() + at);
      return;
    case 1: {
      const Field copy = field;
      list.insert(list.begin() + at, copy);
      return;
    }
    case 2:
      std::swap(field, pick(list, random));
      return;
    case 3: {
      // What another field of the model holds: another name, another tensor.
      const Field other = pick(random_list(top, random), random);
      if (other.wire != field.wire) return;
      const std::uint64_t number = field.number;
      field = other;
      field.number = number;
      return;
    }
    case 4:
      field.number = static_cast<std::uint64_t>(random.integer(1, 25));
      return;
    default:
      change_value(field, random);
  }
}

}  // namespace

void mutate_protobuf(std::string& bytes, Random& random) {
  auto fields = parse(bytes, 0);
  if (!fields || fields->empty()) return mutate_bytes(bytes, random);
  constexpr std::array<std::int64_t, 8> draw = {1, 1, 1, 1, 2, 2, 3, 4};
  for (std::int64_t left = pick(draw, random); left > 0 && !fields->empty(); --left) change(*fields, random);
  bytes = serialized(*fields);
}

}  // namespace refcalib_fuzz
