#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/configuration/fields.h"
#include "engine/evaluation/preprocessing/frame.h"

namespace refcalib::engine {

/// Reads the data of a sample. May be used by several threads at once.
class Reader {
 public:
  virtual ~Reader() = default;
  /// `id`: what the annotation calls the sample, mostly a file relative to the data. Throws IoError,
  /// FormatError, UnsupportedError, each naming the file.
  virtual Frame read(const std::string& id) const = 0;
};

/// A kind of reader.
struct ReaderRecord {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<Reader> (*make)(Fields& fields, const std::filesystem::path& data) = nullptr;
  std::vector<std::string_view> aliases{};
};

/// All records, in the order of readers.def.
std::span<const ReaderRecord* const> reader_records() noexcept;

/// The reader that an entry asks for. Throws FormatError with the place.
std::unique_ptr<Reader> make_reader(Fields& fields, const std::filesystem::path& data);

/// The labels of a mask: gray values, or the places of its colours in `colors` (255 for others).
Plane<std::int32_t> read_mask(const std::filesystem::path& path,
                              const std::vector<std::vector<std::int64_t>>& colors);

}  // namespace refcalib::engine
