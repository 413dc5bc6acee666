#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace refcalib::engine {

/// "TIFF", "WebP" …: which kind of picture that decode_image does not read a file is, by its first bytes; empty for any other file.
std::string_view foreign_picture(std::span<const std::byte> file) noexcept;

/// True for the file names that such pictures have, in any case: .tif .webp …
bool has_foreign_extension(const std::filesystem::path& path);

}  // namespace refcalib::engine
