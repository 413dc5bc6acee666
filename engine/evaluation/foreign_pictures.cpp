#include "engine/evaluation/foreign_pictures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace refcalib::engine {
namespace {

/// The characters of a literal, zeros among them.
template <std::size_t N>
constexpr std::string_view bytes_of(const char (&literal)[N]) {
  return {literal, N - 1};
}

struct Kind {
  std::string_view name;
  std::array<std::string_view, 3> extensions;
  std::string_view signature;
  std::size_t at = 0;  ///< where the signature is
};

constexpr std::array<Kind, 11> kKinds{{{"TIFF", {".tif", ".tiff"}, bytes_of("II*\0")},
                                       {"TIFF", {}, bytes_of("MM\0*")},
                                       {"WebP", {".webp"}, bytes_of("WEBP"), 8},
                                       {"JPEG 2000", {".jp2", ".j2k", ".jpx"}, bytes_of("\0\0\0\x0cjP  ")},
                                       {"JPEG 2000", {}, bytes_of("\xff\x4f\xff\x51")},
                                       {"HEIF", {".heic", ".heif", ".avif"}, bytes_of("ftyp"), 4},
                                       {"JPEG XL", {".jxl"}, bytes_of("\0\0\0\x0cJXL ")},
                                       {"JPEG XL", {}, bytes_of("\xff\x0a")},
                                       {"OpenEXR", {".exr"}, bytes_of("\x76\x2f\x31\x01")},
                                       {"Radiance", {".hdr", ".pic"}, bytes_of("#?RADIANCE")},
                                       {"icon", {".ico"}, bytes_of("\0\0\1\0")}}};

}  // namespace

std::string_view foreign_picture(std::span<const std::byte> file) noexcept {
  for (const Kind& kind : kKinds) {
    if (file.size() < kind.at + kind.signature.size()) continue;
    const auto bytes = file.subspan(kind.at, kind.signature.size());
    if (std::ranges::equal(bytes, std::as_bytes(std::span(kind.signature)))) return kind.name;
  }
  return {};
}

bool has_foreign_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return !extension.empty() && std::ranges::any_of(kKinds, [&](const Kind& kind) {
    return std::ranges::find(kind.extensions, extension) != kind.extensions.end();
  });
}

}  // namespace refcalib::engine
