#include "engine/evaluation/npy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/evaluation/npy_header.h"

namespace refcalib::engine {

static_assert(std::endian::native == std::endian::little, "the .npy code reads and writes native memory");

struct NpyReader::File {
  explicit File(int handle) : file(handle) {}
  ~File() { ::close(file); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int file;
};

struct NpyReader::ElementType {
  std::string_view code;  ///< without the byte order
  std::size_t size;
  void (*to_floats)(const std::byte* from, std::span<float> out);
};

namespace {

constexpr std::size_t kPreamble = 192;  // 64 bytes more than NumPy's own: ten dimensions always fit

template <class T>
void convert(const std::byte* from, std::span<float> out) {
  for (float& x : out) {
    T value;
    std::memcpy(&value, from, sizeof value);
    from += sizeof value;
    x = static_cast<float>(value);
  }
}

/// Reads exactly `size` bytes at `offset`; returns 0, errno, or -1 at the end of the file.
int read_exactly(int file, void* into, std::size_t size, std::int64_t offset) {
  auto* to = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t done = ::pread(file, to, size, offset);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    if (done == 0) return -1;
    to += done;
    offset += done;
    size -= static_cast<std::size_t>(done);
  }
  return 0;
}

void read_or_throw(int file, void* into, std::size_t size, std::int64_t offset) {
  const int error = read_exactly(file, into, size, offset);
  if (error < 0) throw FormatError("the .npy file ends too early");
  if (error > 0) throw IoError("cannot read: " + std::system_category().message(error));
}

/// The dictionary of the header and where the data begins.
std::pair<std::string, std::int64_t> read_dictionary(int file) {
  std::array<unsigned char, 12> start{};
  if (read_exactly(file, start.data(), 6, 0) < 0 || std::memcmp(start.data(), "\x93NUMPY", 6) != 0)
    throw FormatError("not a .npy file");
  read_or_throw(file, start.data(), 10, 0);
  const int major = start[6];
  if (major < 1 || major > 3) throw UnsupportedError(".npy format " + std::to_string(major) + " is unknown");
  std::uint32_t length = start[8] + 256U * start[9];
  std::int64_t offset = 10;
  if (major > 1) {
    read_or_throw(file, start.data(), 12, 0);
    length += (start[10] + 256U * start[11]) << 16U;
    offset = 12;
  }
  if (length > (1U << 20U)) throw FormatError("malformed .npy header: its length is absurd");
  std::string dictionary(length, '\0');
  read_or_throw(file, dictionary.data(), length, offset);
  return {std::move(dictionary), offset + length};
}

}  // namespace

const NpyReader::ElementType& NpyReader::element_type(const std::string& descr) {
  static constexpr std::array<ElementType, 9> table{{{"f4", 4, convert<float>},
                                                     {"f8", 8, convert<double>},
                                                     {"u1", 1, convert<std::uint8_t>},
                                                     {"i1", 1, convert<std::int8_t>},
                                                     {"b1", 1, convert<std::uint8_t>},
                                                     {"u2", 2, convert<std::uint16_t>},
                                                     {"i2", 2, convert<std::int16_t>},
                                                     {"i4", 4, convert<std::int32_t>},
                                                     {"i8", 8, convert<std::int64_t>}}};
  const bool native = descr.starts_with('<') || descr.starts_with('|') || descr.starts_with('=');
  const auto row = std::find_if(table.begin(), table.end(), [&](const ElementType& type) {
    return native && descr.substr(1) == type.code;
  });
  if (row == table.end())
    throw UnsupportedError("element type '" + descr + "' is not supported",
                           {.remedy = "save it as little-endian float32 or uint8"});
  return *row;
}

NpyReader::NpyReader(const std::filesystem::path& path) : name_(path.string()) {
  in_context({.file = name_}, [&] {
    const int handle = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (handle < 0) throw IoError("cannot open: " + std::system_category().message(errno));
    file_ = std::make_shared<File>(handle);
    struct stat status {};
    if (::fstat(handle, &status) != 0 || !S_ISREG(status.st_mode)) throw IoError("not a regular file");

    auto [dictionary, data] = read_dictionary(handle);
    const NpyHeader header = parse_npy_header(dictionary);
    type_ = &element_type(header.descr);
    if (header.fortran_order)
      throw UnsupportedError("the array is in Fortran order", {.remedy = "save numpy.ascontiguousarray(x)"});
    shape_ = header.shape;
    count_ = element_count(shape_);
    data_offset_ = data;
    const auto needed = data + count_ * static_cast<std::int64_t>(type_->size);
    if (status.st_size != needed)
      throw FormatError("shape " + to_string(shape_) + " of " + header.descr + " needs a file of " +
                        std::to_string(needed) + " bytes, this one has " + std::to_string(status.st_size));
  });
}

void NpyReader::read(std::int64_t first, std::span<float> out) const {
  const auto wanted = static_cast<std::int64_t>(out.size());
  if (first < 0 || wanted > count_ || first > count_ - wanted)
    throw Error("internal: read outside the array", {.file = name_});
  constexpr std::size_t chunk = 1U << 16U;
  std::vector<std::byte> bytes(std::min(out.size(), chunk) * type_->size);
  in_context({.file = name_}, [&] {
    auto offset = data_offset_ + first * static_cast<std::int64_t>(type_->size);
    for (std::size_t done = 0; done < out.size();) {
      const auto part = out.subspan(done, std::min(out.size() - done, chunk));
      read_or_throw(file_->file, bytes.data(), part.size() * type_->size, offset);
      type_->to_floats(bytes.data(), part);
      offset += static_cast<std::int64_t>(part.size() * type_->size);
      done += part.size();
    }
  });
}

std::vector<float> read_npy(const std::filesystem::path& path, Shape* shape) {
  const NpyReader reader(path);
  std::vector<float> values(static_cast<std::size_t>(reader.count()));
  reader.read(0, values);
  if (shape != nullptr) *shape = reader.shape();
  return values;
}

NpyWriter::NpyWriter(const std::filesystem::path& path, Shape rest)
    : file_(path), rest_(std::move(rest)), row_(element_count(rest_)) {
  file_.write(std::string(kPreamble, ' '));
}

void NpyWriter::append(std::span<const float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  if (row_ == 0 || count % row_ != 0) throw Error("internal: no whole number of rows for the .npy file");
  rows_ += count / row_;
  file_.write(std::as_bytes(values));
}

void NpyWriter::commit() {
  Shape shape{rows_};
  shape.insert(shape.end(), rest_.begin(), rest_.end());
  file_.write_at_start(npy_preamble(shape, kPreamble));
  file_.commit();
}

void write_npy(const std::filesystem::path& path, const Shape& shape, std::span<const float> values) {
  if (element_count(shape) != static_cast<std::int64_t>(values.size()))
    throw Error("internal: shape " + to_string(shape) + " does not fit the number of values",
                {.file = path.string()});
  OutputFile file(path);
  file.write(npy_preamble(shape, kPreamble));
  file.write(std::as_bytes(values));
  file.commit();
}

}  // namespace refcalib::engine
