#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace refcalib::engine {

/// What a JPEG file says about itself in front of its first scan.
struct JpegHeader {
  int bits = 0;         ///< per sample
  int components = 0;   ///< 1 gray, 3 colour, 4 CMYK or YCCK
  int orientation = 1;  ///< EXIF tag 0x0112: 1 upright … 8; other values count as 1
  /// Of Adobe's APP14 segment: 0 RGB or CMYK, 1 YCbCr, 2 YCCK; -1 without one.
  int adobe_transform = -1;
};

/// Reads the frame header (ITU-T T.81, B.2.2) and the EXIF orientation (CIPA DC-008, 4.6.4) of a JPEG file.
/// Bytes between segments are skipped, as decoders do. nullopt if the bytes are not a JPEG file with a frame header.
std::optional<JpegHeader> read_jpeg_header(std::span<const std::byte> file) noexcept;

}  // namespace refcalib::engine
