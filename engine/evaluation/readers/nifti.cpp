#include "engine/evaluation/readers/nifti.h"

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>

#include "engine/evaluation/gzip.h"
#include "engine/evaluation/readers/reader.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

/// The fields of a NIfTI-1 header that matter here (nifti1.h, offsets in bytes): dim 40, datatype 70, bitpix
/// 72, vox_offset 108, scl_slope 112, scl_inter 116, magic 344.
template <class T>
T field(const std::string& bytes, std::size_t offset) {
  T value{};
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

template <class T>
void read_elements(const std::string& bytes, std::size_t offset, std::vector<float>& into) {
  for (std::size_t i = 0; i < into.size(); ++i)
    into[i] = static_cast<float>(field<T>(bytes, offset + i * sizeof(T)));
}

struct ElementKind {
  std::int16_t code;
  std::size_t size;
  void (*read)(const std::string&, std::size_t, std::vector<float>&);
};

constexpr std::array<ElementKind, 8> kKinds{{{2, 1, read_elements<std::uint8_t>},
                                             {4, 2, read_elements<std::int16_t>},
                                             {8, 4, read_elements<std::int32_t>},
                                             {16, 4, read_elements<float>},
                                             {64, 8, read_elements<double>},
                                             {256, 1, read_elements<std::int8_t>},
                                             {512, 2, read_elements<std::uint16_t>},
                                             {768, 4, read_elements<std::uint32_t>}}};

/// The file's bytes, unpacked if it is compressed.
std::string volume_bytes(const fs::path& path) {
  std::error_code ignored;
  std::ifstream in(path, std::ios::binary);
  if (!in || fs::is_directory(path, ignored))
    throw IoError("cannot open the volume", {.file = path.string()});
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return bytes.starts_with("\x1f\x8b") ? unpack_gzip(bytes, path.string()) : bytes;
}

std::array<std::int64_t, 4> dimensions(const std::string& bytes, const ErrorContext& at) {
  std::array<std::int64_t, 4> dim{1, 1, 1, 1};
  const auto rank = field<std::int16_t>(bytes, 40);
  if (rank < 1 || rank > 4)
    throw UnsupportedError("volumes of " + std::to_string(rank) + " axes are not read", at);
  for (std::int16_t k = 0; k < rank; ++k) {
    dim[static_cast<std::size_t>(k)] = field<std::int16_t>(bytes, 42 + 2 * static_cast<std::size_t>(k));
    if (dim[static_cast<std::size_t>(k)] < 1) throw FormatError("an axis has no elements", at);
  }
  return dim;
}

const ElementKind& element_kind(const std::string& bytes, const ErrorContext& at) {
  const auto code = field<std::int16_t>(bytes, 70);
  for (const ElementKind& known : kKinds)
    if (known.code == code) return known;
  throw UnsupportedError("elements of NIfTI type " + std::to_string(code) + " are not read", at);
}

Frame turned(const std::vector<float>& values, const std::array<std::int64_t, 4>& dim) {
  Frame frame;
  frame.width = static_cast<int>(dim[0]);
  frame.height = static_cast<int>(dim[1]);
  frame.depth = static_cast<int>(dim[2]);
  frame.channels = static_cast<int>(dim[3]);
  frame.values.resize(values.size());
  const std::size_t places = frame.area(), channels = static_cast<std::size_t>(frame.channels);
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < places; ++i) frame.values[i * channels + c] = values[c * places + i];
  SampleGeometry& g = frame.geometry;
  g.width = g.content_width = frame.width;
  g.height = g.content_height = frame.height;
  return frame;
}

class NiftiReader : public Reader {
 public:
  explicit NiftiReader(fs::path data) : data_(std::move(data)) {}

  Frame read(const std::string& id) const override { return read_nifti(data_ / id); }

 private:
  fs::path data_;
};

std::unique_ptr<Reader> make(Fields& fields, const fs::path& data) {
  fields.flag("channels_first", false);
  return std::make_unique<NiftiReader>(data);
}

}  // namespace

extern const ReaderRecord nifti_reader{
    .name = "nifti_reader", .summary = "volumes of NIfTI-1 (.nii, .nii.gz)", .make = make};

Frame read_nifti(const fs::path& path) {
  const ErrorContext at{.file = path.string()};
  const std::string bytes = volume_bytes(path);
  if (bytes.size() < 352 || field<std::int32_t>(bytes, 0) != 348 ||
      std::string_view(bytes).substr(344, 3) != "n+1")
    throw FormatError("no little-endian NIfTI-1 file (.nii)", at);
  const std::array<std::int64_t, 4> dim = dimensions(bytes, at);
  const ElementKind& kind = element_kind(bytes, at);
  std::vector<float> values(static_cast<std::size_t>(dim[0] * dim[1] * dim[2] * dim[3]));
  const auto start = static_cast<std::size_t>(field<float>(bytes, 108));
  if (start < 348 || bytes.size() < start || (bytes.size() - start) / kind.size < values.size())
    throw FormatError("the file is shorter than its header states", at);
  kind.read(bytes, start, values);
  if (const auto slope = field<float>(bytes, 112); slope != 0)
    for (float& x : values) x = x * slope + field<float>(bytes, 116);
  return turned(values, dim);
}

}  // namespace refcalib::engine
