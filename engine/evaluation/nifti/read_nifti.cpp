#include <nifti1_io.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

#include "engine/core/error.h"
#include "engine/evaluation/readers/nifti.h"

namespace refcalib::engine {
namespace {

namespace fs = std::filesystem;

using Volume = std::unique_ptr<nifti_image, decltype(&nifti_image_free)>;

/// A header may state any size; no volume that fits a network is larger.
constexpr std::size_t kLargestVolume = std::size_t{1} << 32U;  // bytes

template <class T>
void to_floats(const char* data, std::vector<float>& into) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    T value{};
    std::memcpy(&value, data + i * sizeof value, sizeof value);
    into[i] = static_cast<float>(value);
  }
}

struct ElementKind {
  int code;
  void (*read)(const char*, std::vector<float>&);
};

constexpr std::array<ElementKind, 8> kKinds{{{DT_UINT8, to_floats<std::uint8_t>},
                                             {DT_INT16, to_floats<std::int16_t>},
                                             {DT_INT32, to_floats<std::int32_t>},
                                             {DT_FLOAT32, to_floats<float>},
                                             {DT_FLOAT64, to_floats<double>},
                                             {DT_INT8, to_floats<std::int8_t>},
                                             {DT_UINT16, to_floats<std::uint16_t>},
                                             {DT_UINT32, to_floats<std::uint32_t>}}};

const ElementKind& element_kind(const nifti_image& volume, const ErrorContext& at) {
  for (const ElementKind& known : kKinds)
    if (known.code == volume.datatype) return known;
  throw UnsupportedError("elements of NIfTI type " + std::to_string(volume.datatype) + " are not read", at);
}

Volume header_of(const fs::path& path, const ErrorContext& at) {
  static std::once_flag quiet;
  std::call_once(quiet, [] { nifti_set_debug_level(0); });  // it would print its own messages
  std::error_code ignored;
  if (!fs::exists(path, ignored) || fs::is_directory(path, ignored))
    throw IoError("cannot open the volume", at);
  Volume volume(nifti_image_read(path.c_str(), 0), nifti_image_free);
  if (!volume) throw FormatError("no NIfTI-1 file", at);
  return volume;
}

/// nifti_image_load() would take zeros for what is missing at the end of a file.
std::vector<char> elements_of(const nifti_image& volume, std::size_t bytes, const ErrorContext& at) {
  std::vector<char> data(bytes);
  znzFile file = znzopen(volume.iname, "rb", nifti_is_gzfile(volume.iname));
  if (znz_isnull(file)) throw IoError("cannot open the volume's data", {.file = volume.iname});
  const bool there = volume.iname_offset >= 0 && znzseek(file, volume.iname_offset, SEEK_SET) >= 0 &&
                     znzread(data.data(), 1, bytes, file) == bytes;
  znzclose(file);
  if (!there) throw FormatError("the file is damaged, or shorter than its header states", at);
  if (volume.swapsize > 1 && volume.byteorder != nifti_short_order())
    nifti_swap_Nbytes(bytes / static_cast<std::size_t>(volume.swapsize), volume.swapsize, data.data());
  return data;
}

std::array<std::size_t, 4> dimensions(const nifti_image& volume, const ErrorContext& at) {
  if (volume.ndim < 1 || volume.ndim > 4)
    throw UnsupportedError("volumes of " + std::to_string(volume.ndim) + " axes are not read", at);
  std::array<std::size_t, 4> dim{1, 1, 1, 1};
  for (std::size_t k = 0; k < static_cast<std::size_t>(volume.ndim); ++k) {
    if (volume.dim[k + 1] < 1) throw FormatError("an axis has no elements", at);
    dim[k] = static_cast<std::size_t>(volume.dim[k + 1]);
  }
  return dim;
}

Frame turned(const std::vector<float>& values, const std::array<std::size_t, 4>& dim) {
  Frame frame;
  frame.width = static_cast<int>(dim[0]);
  frame.height = static_cast<int>(dim[1]);
  frame.depth = static_cast<int>(dim[2]);
  frame.channels = static_cast<int>(dim[3]);
  frame.values.resize(values.size());
  const std::size_t places = frame.area(), channels = dim[3];
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < places; ++i) frame.values[i * channels + c] = values[c * places + i];
  SampleGeometry& g = frame.geometry;
  g.width = g.content_width = frame.width;
  g.height = g.content_height = frame.height;
  return frame;
}

}  // namespace

Frame read_nifti(const fs::path& path) {
  const ErrorContext at{.file = path.string()};
  const Volume volume = header_of(path, at);
  const std::array<std::size_t, 4> dim = dimensions(*volume, at);
  const ElementKind& kind = element_kind(*volume, at);
  const std::size_t count = dim[0] * dim[1] * dim[2] * dim[3];
  if (count > kLargestVolume / static_cast<std::size_t>(volume->nbyper))
    throw UnsupportedError("the volume has more than 4 GB", at);
  const std::vector<char> data = elements_of(*volume, count * static_cast<std::size_t>(volume->nbyper), at);
  std::vector<float> values(count);
  kind.read(data.data(), values);
  if (volume->scl_slope != 0)
    for (float& x : values) x = x * volume->scl_slope + volume->scl_inter;
  return turned(values, dim);
}

}  // namespace refcalib::engine
