#include "engine/evaluation/jpeg_header.h"

#include <cstdint>
#include <cstring>

namespace refcalib::engine {
namespace {

/// Bounds-checked view of bytes: whatever lies outside reads as 0.
struct Bytes {
  std::span<const std::byte> bytes;
  bool little_endian = false;

  std::uint32_t u8(std::size_t at) const noexcept {
    return at < bytes.size() ? std::to_integer<std::uint32_t>(bytes[at]) : 0U;
  }
  std::uint32_t u16(std::size_t at) const noexcept {
    return little_endian ? u8(at) | u8(at + 1) << 8U : u8(at) << 8U | u8(at + 1);
  }
  std::uint32_t u32(std::size_t at) const noexcept {
    return little_endian ? u16(at) | u16(at + 2) << 16U : u16(at) << 16U | u16(at + 2);
  }
};

/// The orientation in the payload of an APP1 segment: a TIFF structure behind "Exif\0\0".
int exif_orientation(std::span<const std::byte> payload) noexcept {
  if (payload.size() < 14 || std::memcmp(payload.data(), "Exif\0\0", 6) != 0) return 1;
  Bytes tiff{payload.subspan(6)};
  tiff.little_endian = tiff.u8(0) == 'I';
  const std::size_t directory = tiff.u32(4);
  const std::uint32_t entries = tiff.u16(directory);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    if (entry + 12 > tiff.bytes.size()) break;
    if (tiff.u16(entry) != 0x0112) continue;
    const std::uint32_t value = tiff.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

bool is_frame_header(std::uint32_t marker) noexcept {
  // SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

}  // namespace

std::optional<JpegHeader> read_jpeg_header(std::span<const std::byte> file) noexcept {
  const Bytes in{file};
  if (in.u16(0) != 0xFFD8) return std::nullopt;
  JpegHeader header;
  std::size_t at = 2;
  while (at + 4 <= file.size()) {
    const std::uint32_t marker = in.u8(at + 1);
    // Padding behind a segment, or a fill byte in front of a marker.
    if (in.u8(at) != 0xFF || marker == 0xFF || marker == 0) {
      ++at;
      continue;
    }
    const std::size_t length = in.u16(at + 2);
    if (length < 2 || at + 2 + length > file.size()) return std::nullopt;
    if (is_frame_header(marker)) {
      header.bits = static_cast<int>(in.u8(at + 4));
      header.components = static_cast<int>(in.u8(at + 9));
      return header;
    }
    if (marker == 0xE1 && header.orientation == 1)
      header.orientation = exif_orientation(file.subspan(at + 4, length - 2));
    if (marker == 0xEE) {
      const auto payload = file.subspan(at + 4, length - 2);
      if (payload.size() >= 12 && std::memcmp(payload.data(), "Adobe", 5) == 0)
        header.adobe_transform = static_cast<int>(Bytes{payload}.u8(11));
    }
    at += 2 + length;
  }
  return std::nullopt;
}

}  // namespace refcalib::engine
