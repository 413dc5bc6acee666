#include "engine/evaluation/foreign_pictures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace refcalib::engine {
namespace {

using std::string_view_literals::operator""sv;

struct Kind {
  std::string_view name;
  std::array<std::string_view, 3> extensions;
  std::string_view signature;
  std::size_t at = 0;  ///< where the signature is
};

constexpr std::array<Kind, 11> kKinds{{{"TIFF", {".tif", ".tiff"}, "II*\0"sv},
                                       {"TIFF", {}, "MM\0*"sv},
                                       {"WebP", {".webp"}, "WEBP"sv, 8},
                                       {"JPEG 2000", {".jp2", ".j2k", ".jpx"}, "\0\0\0\x0cjP  "sv},
                                       {"JPEG 2000", {}, "\xff\x4f\xff\x51"sv},
                                       {"HEIF", {".heic", ".heif", ".avif"}, "ftyp"sv, 4},
                                       {"JPEG XL", {".jxl"}, "\0\0\0\x0cJXL "sv},
                                       {"JPEG XL", {}, "\xff\x0a"sv},
                                       {"OpenEXR", {".exr"}, "\x76\x2f\x31\x01"sv},
                                       {"Radiance", {".hdr", ".pic"}, "#?RADIANCE"sv},
                                       {"icon", {".ico"}, "\0\0\1\0"sv}}};

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
