#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace refcalib_fuzz {
namespace {

using refcalib_test::Random;

std::size_t position(const std::string& bytes, Random& random) {
  return bytes.empty() ? 0 : static_cast<std::size_t>(random.bits() % bytes.size());
}

void flip_bits(std::string& bytes, Random& random) {
  if (bytes.empty()) return;
  for (std::int64_t left = random.integer(1, 8); left > 0; --left) {
    char& byte = bytes[position(bytes, random)];
    byte = static_cast<char>(byte ^ (1 << random.integer(0, 7)));
  }
}

void insert_bytes(std::string& bytes, Random& random) {
  std::string piece(static_cast<std::size_t>(random.integer(1, 16)), ' ');
  for (char& c : piece) c = static_cast<char>(random.integer(-128, 127));
  bytes.insert(position(bytes, random), piece);
}

void delete_bytes(std::string& bytes, Random& random) {
  bytes.erase(position(bytes, random), static_cast<std::size_t>(random.integer(1, 32)));
}

void copy_bytes(std::string& bytes, Random& random) {
  const std::string piece =
      bytes.substr(position(bytes, random), static_cast<std::size_t>(random.integer(1, 400)));
  bytes.insert(position(bytes, random), piece);
}

void cut_end(std::string& bytes, Random& random) {
  bytes.resize(position(bytes, random));
}

void cut_few(std::string& bytes, Random& random) {
  bytes.resize(bytes.size() - std::min(bytes.size(), static_cast<std::size_t>(random.integer(1, 8))));
}

using Change = void (*)(std::string&, Random&);
constexpr std::array<Change, 8> kChanges = {flip_bits,    flip_bits,  flip_bits, insert_bytes,
                                            delete_bytes, copy_bytes, cut_end,   cut_few};

/// Half of all cases have one change, few have four.
std::int64_t number_of_changes(Random& random) {
  constexpr std::array<std::int64_t, 8> draw = {1, 1, 1, 1, 2, 2, 3, 4};
  return pick(draw, random);
}

/// Places of a blob in the weights file, as its element states them.
struct Range {
  std::size_t offset = 0, size = 0;
};

std::size_t number_behind(const std::string& text, std::size_t from, const char* key, std::size_t until) {
  const std::size_t found = text.find(key, from);
  if (found == std::string::npos || found > until) return 0;
  std::size_t value = 0;
  for (std::size_t i = found + std::string_view(key).size();
       i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i)
    value = value * 10 + static_cast<std::size_t>(text[i] - '0');
  return value;
}

std::vector<Range> blobs_of(const ModelFiles& model) {
  std::vector<Range> ranges;
  for (std::size_t at = model.xml.find("offset=\""); at != std::string::npos;
       at = model.xml.find("offset=\"", at + 1)) {
    const std::size_t begin = model.xml.rfind('<', at), end = model.xml.find('>', at);
    const Range range = {number_behind(model.xml, begin, "offset=\"", end),
                         number_behind(model.xml, begin, "size=\"", end)};
    if (range.size >= 4 && range.offset < model.bin.size() && range.size <= model.bin.size() - range.offset)
      ranges.push_back(range);
  }
  return ranges;
}

template <class T>
void put(std::string& bytes, const Range& range, T value, Random& random) {
  if (range.size < sizeof value) return;
  const std::size_t at = range.offset + random.bits() % (range.size / sizeof value) * sizeof value;
  for (std::size_t i = 0; i < sizeof value; ++i)
    bytes[at + i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF);
}

/// Small blobs are shapes, axes and limits more often than weights; each blob has the same chance.
void change_element(ModelFiles& model, Random& random) {
  const std::vector<Range> ranges = blobs_of(model);
  if (ranges.empty()) return mutate_bytes(model.bin, random);
  const Range range = pick(ranges, random);
  constexpr std::array<std::int64_t, 14> integers = {0, 1,  -1,   2,     -2,        3,         5,
                                                     7, 64, 1000, 65536, INT32_MAX, INT64_MAX, INT64_MIN};
  // Infinity, NaN, the largest, the smallest subnormal, 1e30, -1, -0, 3 as binary32.
  constexpr std::array<std::uint32_t, 8> floats = {0x7f800000, 0x7fc00000, 0x7f7fffff, 0x00000001,
                                                   0x7149f2ca, 0xbf800000, 0x80000000, 0x40400000};
  switch (random.integer(0, 2)) {
    case 0:
      return put(model.bin, range, pick(integers, random), random);
    case 1:
      return put(model.bin, range, static_cast<std::int32_t>(pick(integers, random)), random);
    default:
      return put(model.bin, range, pick(floats, random), random);
  }
}

}  // namespace

void mutate_bytes(std::string& bytes, Random& random) {
  for (std::int64_t left = number_of_changes(random); left > 0; --left) pick(kChanges, random)(bytes, random);
}

void mutate_weights(ModelFiles& model, Random& random) {
  if (chance(random, 25)) return mutate_bytes(model.bin, random);
  if (chance(random, 3)) return model.bin.clear();
  for (std::int64_t left = number_of_changes(random); left > 0; --left) change_element(model, random);
}

ModelFiles mutated_case(const std::vector<ModelFiles>& seeds, std::uint64_t seed, std::uint64_t number) {
  // The generator's own output function spreads both numbers over its state.
  Random random(Random(seed).bits() + Random(number).bits());
  ModelFiles model = pick(seeds, random);
  const std::int64_t kind = random.integer(0, 99);
  if (model.extension == ".onnx") {
    if (kind < 80)
      mutate_protobuf(model.xml, random);
    else
      mutate_bytes(model.xml, random);
    return model;
  }
  if (model.extension == ".prototxt") {
    if (kind < 60) mutate_prototxt(model.xml, random);
    if (kind >= 60 && kind < 68) mutate_bytes(model.xml, random);
    if (kind >= 68 && kind < 92) mutate_protobuf(model.bin, random);
    if (kind >= 92) mutate_bytes(model.bin, random);
    return model;
  }
  if (kind < 68 || kind >= 90) mutate_structure(model.xml, random);
  if (kind >= 68 && kind < 76) mutate_bytes(model.xml, random);
  if (kind >= 76) mutate_weights(model, random);
  return model;
}

}  // namespace refcalib_fuzz
