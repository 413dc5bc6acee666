#include "engine/evaluation/image.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/evaluation/foreign_pictures.h"
#include "engine/evaluation/jpeg_header.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_NO_PIC
#include <stb_image.h>

namespace refcalib::engine {
namespace {

constexpr std::int64_t kLargestImage = std::int64_t{1} << 28U;  // pixels

/// What stb says about a file without decoding it.
struct Header {
  int width = 0, height = 0;
  bool sixteen_bits = false;
  bool plain_cmyk = false;  ///< without Adobe's marker nothing says whether 255 is all ink or none
  int orientation = 1;
};

Header read_header(const stbi_uc* bytes, int size, std::span<const std::byte> file) {
  Header header;
  int channels = 0;
  if (const auto jpeg = read_jpeg_header(file)) {
    header.sixteen_bits = jpeg->bits > 8;
    header.plain_cmyk = jpeg->components == 4 && jpeg->adobe_transform != 0 && jpeg->adobe_transform != 2;
    header.orientation = jpeg->orientation;
    if (header.sixteen_bits || header.plain_cmyk) return header;
  }
  if (stbi_info_from_memory(bytes, size, &header.width, &header.height, &channels) == 0)
    throw FormatError("cannot decode the image: " + std::string(stbi_failure_reason()));
  header.sixteen_bits = stbi_is_16_bit_from_memory(bytes, size) != 0;
  return header;
}

Image decode(std::span<const std::byte> file) {
  if (file.empty()) throw FormatError("the file is empty");
  if (file.size() > (std::size_t{1} << 30U)) throw UnsupportedError("the file is larger than 1 GB");
  const void* const data = file.data();
  const auto* const bytes = static_cast<const stbi_uc*>(data);
  const auto size = static_cast<int>(file.size());
  if (const std::string_view kind = foreign_picture(file); !kind.empty())
    throw UnsupportedError(std::string(kind) + " images are not supported",
                           {.remedy = "convert it to PNG or JPEG"});
  const Header header = read_header(bytes, size, file);
  if (header.sixteen_bits)
    throw UnsupportedError("images of more than 8 bits per sample are not supported",
                           {.remedy = "convert it to 8 bits, or to a .npy with the values as they are"});
  if (header.plain_cmyk)
    throw UnsupportedError("CMYK images without Adobe's marker are not supported",
                           {.remedy = "convert it to RGB"});
  if (std::int64_t{header.width} * header.height > kLargestImage)
    throw UnsupportedError("the image has more than 2^28 pixels");

  Image image;
  int channels = 0;
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> pixels(
      stbi_load_from_memory(bytes, size, &image.width, &image.height, &channels, 3), stbi_image_free);
  if (!pixels) throw FormatError("cannot decode the image: " + std::string(stbi_failure_reason()));
  const std::size_t count = image.row_bytes() * static_cast<std::size_t>(image.height);
  image.pixels.assign(pixels.get(), pixels.get() + count);
  return apply_orientation(std::move(image), header.orientation);
}

}  // namespace

Image decode_image(std::span<const std::byte> file, const std::string& name) {
  return in_context({.file = name}, [&] { return decode(file); });
}

Image load_image(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in || std::filesystem::is_directory(path, ignored))
    throw IoError("cannot open the image", {.file = path.string()});
  const std::streamoff size = in.tellg();
  std::vector<std::byte> bytes(size > 0 ? static_cast<std::size_t>(size) : 0);
  in.seekg(0);
  void* const to = bytes.data();
  if (!in.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes.size())))
    throw IoError("cannot read the image", {.file = path.string()});
  return decode_image(bytes, path.string());
}

bool has_image_extension(const std::filesystem::path& path) {
  static constexpr std::array<std::string_view, 12> known{".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".gif",
                                                          ".tga", ".psd",  ".pnm", ".ppm", ".pgm", ".dib"};
  if (has_foreign_extension(path)) return true;
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(known.begin(), known.end(), extension) != known.end();
}

Image apply_orientation(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  // Orientations 5 to 8 exchange rows and columns; the others only mirror.
  const bool transposed = orientation >= 5;
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image upright{transposed ? image.height : image.width, transposed ? image.width : image.height,
                image.channels, std::vector<std::uint8_t>(image.pixels.size())};
  const auto channels = static_cast<std::size_t>(image.channels);
  std::size_t to = 0;
  for (int y = 0; y < upright.height; ++y)
    for (int x = 0; x < upright.width; ++x, to += channels) {
      const int source_x = transposed ? y : x, source_y = transposed ? x : y;
      const int from_x = mirror_x ? image.width - 1 - source_x : source_x;
      const int from_y = mirror_y ? image.height - 1 - source_y : source_y;
      const std::size_t from =
          static_cast<std::size_t>(from_y) * image.row_bytes() + static_cast<std::size_t>(from_x) * channels;
      std::copy_n(image.pixels.begin() + static_cast<std::ptrdiff_t>(from), channels,
                  upright.pixels.begin() + static_cast<std::ptrdiff_t>(to));
    }
  return upright;
}

Image to_gray(const Image& image) {
  if (image.channels == 1) return image;
  Image gray{image.width, image.height, 1, {}};
  gray.pixels.resize(image.pixels.size() / 3);
  for (std::size_t i = 0; i < gray.pixels.size(); ++i) {
    const std::uint32_t r = image.pixels[3 * i], g = image.pixels[3 * i + 1], b = image.pixels[3 * i + 2];
    gray.pixels[i] = static_cast<std::uint8_t>((9798 * r + 19235 * g + 3735 * b + 16384) >> 15U);
  }
  return gray;
}

}  // namespace refcalib::engine
