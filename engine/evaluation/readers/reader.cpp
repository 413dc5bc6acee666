#include "engine/evaluation/readers/reader.h"

#include <array>
#include <map>

#include "engine/evaluation/registry.h"

namespace refcalib::engine {

#define REFCALIB_READER(name) extern const ReaderRecord name##_reader;
#include "engine/evaluation/readers/readers.def"
#undef REFCALIB_READER

namespace {
constexpr std::array records = {
#define REFCALIB_READER(name) &name##_reader,
#include "engine/evaluation/readers/readers.def"
#undef REFCALIB_READER
};
}  // namespace

std::span<const ReaderRecord* const> reader_records() noexcept {
  return records;
}

std::unique_ptr<Reader> make_reader(Fields& fields, const std::filesystem::path& data) {
  const ReaderRecord& record = choose_record(fields, "type", reader_records(), "reader");
  auto reader = record.make(fields, data);
  fields.finish();
  return reader;
}

Plane<std::int32_t> read_mask(const std::filesystem::path& path,
                              const std::vector<std::vector<std::int64_t>>& colors) {
  const Image image = load_image(path);
  Plane<std::int32_t> mask{1, 1, image.height, image.width, {}};
  std::map<std::array<std::uint8_t, 3>, std::int32_t> known;
  for (std::size_t i = 0; i < colors.size(); ++i)
    if (colors[i].size() == 3)
      known.emplace(
          std::array{static_cast<std::uint8_t>(colors[i][0]), static_cast<std::uint8_t>(colors[i][1]),
                     static_cast<std::uint8_t>(colors[i][2])},
          static_cast<std::int32_t>(i));
  mask.values.reserve(mask.area());
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3) {
    const std::array rgb{image.pixels[i], image.pixels[i + 1], image.pixels[i + 2]};
    if (known.empty()) {
      if (rgb[0] != rgb[1] || rgb[1] != rgb[2])
        throw FormatError("the mask is drawn in colours",
                          {.file = path.string(), .remedy = "name a dataset_meta with segmentation_colors"});
      mask.values.push_back(rgb[0]);
    } else {
      const auto found = known.find(rgb);
      mask.values.push_back(found != known.end() ? found->second : 255);
    }
  }
  return mask;
}

}  // namespace refcalib::engine
