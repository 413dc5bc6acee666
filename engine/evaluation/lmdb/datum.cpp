#include "engine/evaluation/lmdb/datum.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <cstdint>
#include <span>

#include "engine/core/error.h"
#include "engine/evaluation/lmdb/datum.pb.h"

namespace refcalib::engine::lmdb {
namespace {

constexpr std::size_t kColors = 3;
/// What a message of protocol buffers may have.
constexpr std::size_t kMostBytes = 0x7fffffff;

/// Bytes of planes, blue first, as pixels; one plane counts for all colours, as gray pictures do elsewhere.
Image picture_of(const proto::Datum& datum, std::size_t channels) {
  const auto& bytes = datum.data();
  const std::size_t plane = bytes.size() / channels;
  Image image{datum.width(), datum.height(), static_cast<int>(kColors), {}};
  image.pixels.resize(kColors * plane);
  for (std::size_t color = 0; color < kColors; ++color) {
    const std::size_t from = channels == 1 ? 0 : kColors - 1 - color;
    for (std::size_t i = 0; i < plane; ++i)
      image.pixels[i * kColors + color] = static_cast<std::uint8_t>(bytes[from * plane + i]);
  }
  return image;
}

}  // namespace

Content decode_datum(std::string_view record, const std::string& name) {
  const auto fail = [&](const std::string& why) -> FormatError { return FormatError(why, {.file = name}); };
  proto::Datum datum;
  if (record.size() > kMostBytes || !datum.ParseFromArray(record.data(), static_cast<int>(record.size())))
    throw fail("the record is no Datum of Caffe");
  if (datum.encoded()) return decode_image(std::as_bytes(std::span(datum.data())), name);
  const bool floats = datum.data().empty();
  const std::size_t held = floats ? static_cast<std::size_t>(datum.float_data_size()) : datum.data().size();
  if (held == 0) throw fail("the record has no content");
  const std::string shape = std::to_string(datum.channels()) + "x" + std::to_string(datum.height()) + "x" +
                            std::to_string(datum.width());
  constexpr int most = 1 << 20;  // so that products stay within 64 bits
  for (const int size : {datum.channels(), datum.height(), datum.width()})
    if (size < 1 || size > most) throw fail("the record states the shape " + shape);
  const auto channels = static_cast<std::size_t>(datum.channels());
  const std::size_t stated =
      channels * static_cast<std::size_t>(datum.height()) * static_cast<std::size_t>(datum.width());
  if (stated != held)
    throw fail("the record states the shape " + shape + " and holds " + std::to_string(held) +
               (floats ? " numbers" : " bytes"));
  if (floats) return std::vector<float>(datum.float_data().begin(), datum.float_data().end());
  if (channels == 1 || channels == kColors) return picture_of(datum, channels);
  std::vector<float> numbers;
  numbers.reserve(held);
  for (const char byte : datum.data())
    numbers.push_back(static_cast<float>(static_cast<unsigned char>(byte)));
  return numbers;
}

std::optional<std::size_t> label_of(std::string_view record) {
  using google::protobuf::internal::WireFormatLite;
  if (record.size() > kMostBytes) return std::nullopt;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(record.data()),
                                            static_cast<int>(record.size()));
  constexpr std::uint32_t label =
      WireFormatLite::MakeTag(proto::Datum::kLabelFieldNumber, WireFormatLite::WIRETYPE_VARINT);
  while (const std::uint32_t tag = in.ReadTag()) {
    if (tag != label) {
      if (!WireFormatLite::SkipField(&in, tag)) return std::nullopt;
      continue;
    }
    std::uint64_t value = 0;
    if (!in.ReadVarint64(&value) || static_cast<std::int32_t>(value) < 0) return std::nullopt;
    return static_cast<std::size_t>(static_cast<std::int32_t>(value));
  }
  return std::nullopt;
}

}  // namespace refcalib::engine::lmdb
