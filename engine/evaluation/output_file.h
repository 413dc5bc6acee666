#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace refcalib::engine {

/// A file that appears under its name only when it is complete: everything goes to a temporary name beside
/// it, commit() renames. Without commit() the temporary file is removed and an earlier file stays as it was.
/// A target that exists and is not a regular file (a device, a pipe) is written directly.
class OutputFile {
 public:
  /// Throws IoError if the file cannot be created.
  explicit OutputFile(std::filesystem::path path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  OutputFile& operator=(OutputFile&&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

  /// Appends bytes. Throws IoError (for example: no space left on device).
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  /// Overwrites bytes from the beginning of the file. Throws IoError, also where the target has no position.
  void write_at_start(std::string_view text);
  /// Makes the file visible under its name. Throws IoError.
  void commit();

 private:
  [[noreturn]] void fail(const char* what, int error) const;

  std::filesystem::path path_, temporary_;  ///< temporary_ is empty for a direct write
  int file_ = -1;
};

}  // namespace refcalib::engine
