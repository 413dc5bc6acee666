#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/evaluation/annotation/annotation_file.h"
#include "engine/evaluation/configuration/fields.h"

namespace refcalib::engine {

/// Where a converter finds what its fields name.
class ConverterPaths {
 public:
  explicit ConverterPaths(std::filesystem::path source) : source_(std::move(source)) {}
  /// The path that a field names; relative ones are those of the source folder. Throws FormatError if the
  /// field is missing or nothing is there.
  std::filesystem::path existing(Fields& fields, std::string_view key) const;
  /// The same for a field that may be absent: an empty path then.
  std::filesystem::path optional(Fields& fields, std::string_view key) const;
  /// A path that need not exist.
  std::filesystem::path output(Fields& fields, std::string_view key) const;

 private:
  std::filesystem::path source_;
};

/// A kind of labels that is made an annotation of.
struct ConverterRecord {
  std::string_view name;
  std::string_view summary;
  AnnotationSet (*convert)(Fields& fields, const ConverterPaths& paths) = nullptr;
  std::vector<std::string_view> aliases{};
};

/// All records, in the order of converters.def.
std::span<const ConverterRecord* const> converter_records() noexcept;

/// Runs the converter that an entry names (`converter: imagenet` and its fields). Samples that occur twice are
/// an error. Throws FormatError with the place, IoError.
AnnotationSet convert_annotation(Fields& fields, const ConverterPaths& paths);

/// The samples of a part: "N", or "N%" (rounded down, at least one), drawn without repetition by a seed and
/// kept in their order. Throws UsageError for anything else.
void take_subset(AnnotationSet& set, const std::string& size, std::uint64_t seed);

// --- what converters share ----------------------------------------------------------------------------------

/// Lines of a text file without line ends and blanks around them, with their numbers; empty ones and those
/// that begin with '#' are left out.
struct TextLine {
  int number = 0;
  std::string text;
};
std::vector<TextLine> read_lines(const std::filesystem::path& path);
/// Fields of a line between blanks.
std::vector<std::string> words_of(const std::string& line);
/// A whole number; throws FormatError that names file and line.
std::int64_t integer_of(const std::string& text, const std::filesystem::path& file, int line);
double real_of(const std::string& text, const std::filesystem::path& file, int line);
/// Lines of comma-separated values (RFC 4180, quotes too), each with its number.
std::vector<std::pair<int, std::vector<std::string>>> read_csv(const std::filesystem::path& path);
/// Picture files of a folder by name, sorted.
std::vector<std::filesystem::path> pictures_in(const std::filesystem::path& folder);
/// Names of a file, one a line, as labels from `first` on.
void read_label_names(const std::filesystem::path& path, std::int64_t first, DatasetMeta& meta);

}  // namespace refcalib::engine
