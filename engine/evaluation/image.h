#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace refcalib::engine {

/// An 8-bit picture, rows from the top, pixels interleaved.
struct Image {
  int width = 0, height = 0;
  int channels = 3;                  ///< 3: red, green, blue; 1: gray
  std::vector<std::uint8_t> pixels;  ///< [height][width][channels]

  std::size_t row_bytes() const noexcept {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(channels);
  }
};

/// Decodes a JPEG, PNG, BMP, GIF (first frame), TGA, PSD or PNM file to RGB: gray is repeated, transparency
/// is dropped, the EXIF orientation of a JPEG is applied (as cv::imread does), CMYK and YCCK that bear Adobe's marker are taken for
/// inverted, as Adobe writes them: red = cyan * black / 255. `name` is for messages. Throws FormatError if the bytes are no such file or
/// damaged, UnsupportedError for more than 8 bits per sample, for CMYK without the marker and for TIFF, WebP and other foreign pictures.
Image decode_image(std::span<const std::byte> file, const std::string& name);

/// Reads and decodes a file. Throws IoError, and as decode_image.
Image load_image(const std::filesystem::path& path);

/// True for the file name extensions of pictures, in any case: of those that decode_image reads (.jpg .jpeg .png .bmp …), and of those
/// that it refuses by name (.tif .webp …).
bool has_image_extension(const std::filesystem::path& path);

/// The upright picture of one stored with an EXIF orientation 1 to 8.
Image apply_orientation(Image image, int orientation);

/// Gray by the weights of ITU-R BT.601 in 15-bit fixed point, as cv::cvtColor computes it for 8 bits:
/// (9798 r + 19235 g + 3735 b + 16384) >> 15. A gray image is returned as it is.
Image to_gray(const Image& image);

}  // namespace refcalib::engine
