#include "engine/formats/ir/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "engine/core/error.h"

namespace refcalib::engine::ir {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path& path)
      : value_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return value_; }

 private:
  int value_;
};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what, int code) {
  throw IoError(what + ": " + std::generic_category().message(code), {path.string(), "", ""});
}

std::size_t regular_file_size(const Descriptor& file, const std::filesystem::path& path) {
  if (file.get() < 0) fail(path, "cannot open the file", errno);
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail(path, "cannot read the file", errno);
  if (S_ISDIR(status.st_mode)) fail(path, "cannot read the file", EISDIR);
  if (!S_ISREG(status.st_mode)) throw IoError("not a regular file", {path.string(), "", ""});
  return static_cast<std::size_t>(status.st_size);
}

}  // namespace

MappedFile map_file(const std::filesystem::path& path) {
  const Descriptor file(path);
  const std::size_t size = regular_file_size(file, path);
  if (size == 0) return {};
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) fail(path, "cannot map the file", errno);
  std::shared_ptr<const void> owner(address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  return {{static_cast<const std::byte*>(address), size}, std::move(owner)};
}

std::string read_text(const std::filesystem::path& path) {
  constexpr std::size_t limit = std::size_t{1} << 30;
  const Descriptor file(path);
  const std::size_t size = regular_file_size(file, path);
  if (size > limit)
    throw IoError("more than 1 GiB: this is not a model description", {path.string(), "", ""});
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::read(file.get(), text.data() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path, "cannot read the file", errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  text.resize(done);
  return text;
}

}  // namespace refcalib::engine::ir
