#include "engine/formats/ir/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "engine/core/error.h"

namespace refcalib::engine::ir {

void AtomicFile::fail(const char* what, int code) const {
  throw IoError(std::string(what) + ": " + std::generic_category().message(code),
                {target_.string(), "",
                 code == ENOSPC ? "free some space or choose another output folder"
                                : "choose an output folder that can be written"});
}

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)) {
  struct stat status = {};
  if (::stat(target_.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    throw IoError("exists and is not a regular file", {target_.string(), "", "choose another output"});
  // The process number keeps two programs that write the same target apart.
  temporary_ = target_;
  temporary_ += "." + std::to_string(::getpid()) + ".tmp";
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot write the file", errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  constexpr std::size_t chunk = std::size_t{1} << 26;
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), std::min(bytes.size(), chunk));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail("cannot write the file", count == 0 ? ENOSPC : errno);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::close() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  if (::close(descriptor) != 0) fail("cannot write the file", errno);
}

void AtomicFile::commit() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot put the file in its place", errno);
  committed_ = true;
}

}  // namespace refcalib::engine::ir
