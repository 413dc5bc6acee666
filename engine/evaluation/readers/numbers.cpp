#include <charconv>
#include <map>
#include <memory>
#include <mutex>

#include "engine/evaluation/npy.h"
#include "engine/evaluation/readers/reader.h"

namespace refcalib::engine {
namespace {

Frame numbers(std::vector<float> values) {
  Frame frame;
  frame.height = frame.channels = 1;
  frame.width = static_cast<int>(values.size());
  frame.values = std::move(values);
  frame.picture = false;
  return frame;
}

/// A whole .npy, or FILE#ROW: one row of its first axis. Steps that work on pictures take arrays of three
/// axes as height, width, channels.
class NumpyReader : public Reader {
 public:
  explicit NumpyReader(std::filesystem::path data) : data_(std::move(data)) {}

  Frame read(const std::string& id) const override {
    const std::size_t hash = id.rfind('#');
    const NpyReader& array = open(id.substr(0, hash));
    std::int64_t first = 0, count = array.count();
    if (hash != std::string::npos) {
      std::int64_t row = -1;
      const auto [stop, error] = std::from_chars(id.data() + hash + 1, id.data() + id.size(), row);
      const std::int64_t rows = array.shape().empty() ? 0 : array.shape().front();
      if (error != std::errc() || stop != id.data() + id.size() || row < 0 || row >= rows)
        throw FormatError(
            "there is no row '" + id.substr(hash + 1) + "'; the array has " + std::to_string(rows),
            {.file = (data_ / id.substr(0, hash)).string()});
      count /= rows;
      first = row * count;
    }
    std::vector<float> values(static_cast<std::size_t>(count));
    array.read(first, values);
    Frame frame = numbers(std::move(values));
    if (hash == std::string::npos && array.shape().size() == 3) {
      frame.picture = true;
      frame.height = static_cast<int>(array.shape()[0]);
      frame.width = static_cast<int>(array.shape()[1]);
      frame.channels = static_cast<int>(array.shape()[2]);
      SampleGeometry& g = frame.geometry;
      g.width = g.content_width = frame.width;
      g.height = g.content_height = frame.height;
    }
    return frame;
  }

 private:
  const NpyReader& open(const std::string& file) const {
    const std::lock_guard lock(mutex_);
    auto& array = arrays_[file];
    if (!array) array = std::make_unique<NpyReader>(data_ / file);
    return *array;
  }

  std::filesystem::path data_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<NpyReader>> arrays_;
};

/// 'u:5' or 'i:17': the number behind the colon.
class NcfReader : public Reader {
  Frame read(const std::string& id) const override {
    const auto value = parse_number(std::string_view(id).substr(id.find(':') + 1));
    if (!value || id.find(':') == std::string::npos)
      throw FormatError("'" + id + "' is no id of the form u:NUMBER or i:NUMBER");
    return numbers({static_cast<float>(*value)});
  }
};

std::unique_ptr<Reader> make_numpy(Fields&, const std::filesystem::path& data) {
  return std::make_unique<NumpyReader>(data);
}
std::unique_ptr<Reader> make_ncf(Fields&, const std::filesystem::path&) {
  return std::make_unique<NcfReader>();
}

}  // namespace

extern const ReaderRecord numpy_reader{
    .name = "numpy_reader", .summary = "a .npy, or FILE#ROW of one", .make = make_numpy};
extern const ReaderRecord ncf_reader{
    .name = "ncf_data_reader", .summary = "numbers of users and items", .make = make_ncf};

}  // namespace refcalib::engine
