#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace refcalib::engine::ir {

/// A file mapped read-only. The bytes stay valid as long as `owner` lives, also after the file was renamed
/// away or replaced.
struct MappedFile {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

/// Throws IoError naming the file and the reason.
MappedFile map_file(const std::filesystem::path& path);

/// The whole file as text. Throws IoError; also for files of more than 1 GiB, which no model description
/// reaches.
std::string read_text(const std::filesystem::path& path);

}  // namespace refcalib::engine::ir
