#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace refcalib::engine::ir {

/// A file that appears whole or not at all: bytes go to a temporary name beside the target, commit() renames
/// it. Without a commit the temporary file is removed and an earlier target stays as it was. Every failure is
/// an IoError that names the target.
class AtomicFile {
 public:
  /// Throws if the target exists and is no regular file, or its folder cannot be written.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /// Ends writing. Throws if the system reports a late failure.
  void close();
  /// Puts the file in its place; after close().
  void commit();

 private:
  [[noreturn]] void fail(const char* what, int code) const;
  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace refcalib::engine::ir
