#include "engine/evaluation/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

/// Writes all bytes at the file's position; returns 0 or errno.
int write_all(int file, const std::byte* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(file, data, size);
    if (done < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    data += done;
    size -= static_cast<std::size_t>(done);
  }
  return 0;
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
  std::error_code ignored;
  const auto status = std::filesystem::status(path_, ignored);
  if (std::filesystem::is_directory(status)) fail("cannot write", EISDIR);
  const bool direct = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  if (!direct) {
    temporary_ = path_;
    temporary_ += ".tmp" + std::to_string(::getpid());
  }
  const auto& target = direct ? path_ : temporary_;
  file_ = ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) fail("cannot create the file", errno);
}

OutputFile::~OutputFile() {
  if (file_ < 0) return;
  ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      file_(std::exchange(other.file_, -1)) {}

void OutputFile::fail(const char* what, int error) const {
  throw IoError(std::string(what) + ": " + std::system_category().message(error), {.file = path_.string()});
}

void OutputFile::write(std::span<const std::byte> bytes) {
  if (const int error = write_all(file_, bytes.data(), bytes.size())) fail("cannot write", error);
}

void OutputFile::write(std::string_view text) {
  write(std::as_bytes(std::span(text.data(), text.size())));
}

void OutputFile::write_at_start(std::string_view text) {
  if (::lseek(file_, 0, SEEK_SET) < 0) fail("cannot go back in the file", errno);
  write(text);
  if (::lseek(file_, 0, SEEK_END) < 0) fail("cannot go forward in the file", errno);
}

void OutputFile::commit() {
  const int closed = ::close(std::exchange(file_, -1));
  const int close_error = closed == 0 ? 0 : errno;
  if (temporary_.empty()) {
    if (close_error != 0) fail("cannot write", close_error);
    return;
  }
  if (close_error == 0 && ::rename(temporary_.c_str(), path_.c_str()) == 0) return;
  const int error = close_error != 0 ? close_error : errno;
  ::unlink(temporary_.c_str());
  fail("cannot write", error);
}

}  // namespace refcalib::engine
