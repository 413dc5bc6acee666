#include "engine/evaluation/annotation/converter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/core/error_context.h"
#include "engine/evaluation/image.h"
#include "engine/evaluation/registry.h"

namespace refcalib::engine {

namespace fs = std::filesystem;

#define REFCALIB_CONVERTER(name) extern const ConverterRecord name##_converter;
#include "engine/evaluation/annotation/converters.def"
#undef REFCALIB_CONVERTER

namespace {
constexpr std::array records = {
#define REFCALIB_CONVERTER(name) &name##_converter,
#include "engine/evaluation/annotation/converters.def"
#undef REFCALIB_CONVERTER
};

/// The next number of SplitMix64.
std::uint64_t next(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

}  // namespace

std::span<const ConverterRecord* const> converter_records() noexcept {
  return records;
}

fs::path ConverterPaths::output(Fields& fields, std::string_view key) const {
  const auto given = fields.optional_text(key);
  return given ? source_ / *given : fs::path();
}

fs::path ConverterPaths::optional(Fields& fields, std::string_view key) const {
  const fs::path path = output(fields, key);
  std::error_code ignored;
  if (!path.empty() && !fs::exists(path, ignored))
    fields.fail(key, "'" + std::string(key) + "': there is no '" + path.string() + "'",
                "relative paths begin at the folder of -s/--source");
  return path;
}

fs::path ConverterPaths::existing(Fields& fields, std::string_view key) const {
  fields.text(key);
  return optional(fields, key);
}

AnnotationSet convert_annotation(Fields& fields, const ConverterPaths& paths) {
  const ConverterRecord& record =
      choose_record(fields, "converter", converter_records(), "annotation converter");
  AnnotationSet set = record.convert(fields, paths);
  fields.finish();
  if (set.samples.empty()) fields.fail("converter", "no annotated sample was found");
  std::set<std::string> seen;
  for (const Annotation& sample : set.samples)
    if (!seen.insert(sample.name()).second)
      fields.fail("converter", "sample '" + sample.name() + "' is annotated twice",
                  "remove one of its lines");
  return set;
}

void take_subset(AnnotationSet& set, const std::string& size, std::uint64_t seed) {
  const bool percent = size.ends_with('%');
  const auto number = parse_number(percent ? std::string_view(size).substr(0, size.size() - 1) : size);
  if (!number || *number <= 0 || (percent ? *number > 100 : *number != std::floor(*number)))
    throw UsageError("a subset of '" + size +
                     "' samples: a whole number above 0, or a share as in 10%, is expected");
  const std::size_t all = set.samples.size();
  const double wanted = percent ? std::floor(static_cast<double>(all) * *number / 100) : *number;
  const std::size_t count = std::min(all, static_cast<std::size_t>(std::max(1.0, wanted)));
  // Selection sampling (Knuth, algorithm S): the order is kept.
  std::vector<Annotation> kept;
  std::uint64_t state = seed;
  for (std::size_t i = 0; i < all && kept.size() < count; ++i)
    if (next(state) % (all - i) < count - kept.size()) kept.push_back(std::move(set.samples[i]));
  set.samples = std::move(kept);
}

std::vector<TextLine> read_lines(const fs::path& path) {
  std::error_code ignored;
  std::ifstream in(path);
  if (!in || fs::is_directory(path, ignored)) throw IoError("cannot open the file", {.file = path.string()});
  std::vector<TextLine> lines;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (number == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (!line.empty() && line.front() != '#') lines.push_back({number, line});
  }
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

double real_of(const std::string& text, const fs::path& file, int line) {
  const auto value = parse_number(text);
  if (!value)
    throw FormatError("'" + text + "' is no number", {.file = file.string() + ":" + std::to_string(line)});
  return *value;
}

std::int64_t integer_of(const std::string& text, const fs::path& file, int line) {
  const double value = real_of(text, file, line);
  if (value != std::floor(value) || std::fabs(value) > 1e15)
    throw FormatError("'" + text + "' is no whole number",
                      {.file = file.string() + ":" + std::to_string(line)});
  return static_cast<std::int64_t>(value);
}

std::vector<std::pair<int, std::vector<std::string>>> read_csv(const fs::path& path) {
  std::vector<std::pair<int, std::vector<std::string>>> rows;
  for (const TextLine& line : read_lines(path)) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.text.size(); ++i) {
      const char c = line.text[i];
      if (quoted && c == '"' && i + 1 < line.text.size() && line.text[i + 1] == '"') {
        cells.back() += '"';
        ++i;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        cells.emplace_back();
      } else {
        cells.back() += c;
      }
    }
    rows.emplace_back(line.number, std::move(cells));
  }
  return rows;
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.is_regular_file() && has_image_extension(entry.path())) files.push_back(entry.path());
  if (error) throw IoError("cannot read the folder: " + error.message(), {.file = folder.string()});
  std::sort(files.begin(), files.end());
  return files;
}

void read_label_names(const fs::path& path, std::int64_t first, DatasetMeta& meta) {
  if (path.extension() == ".json") {
    const DatasetMeta given = read_dataset_meta(path);
    meta.label_maps = given.label_maps;
    if (given.background) meta.background = given.background;
    return;
  }
  for (const TextLine& line : read_lines(path)) meta.label_maps["label_map"][first++] = line.text;
}

}  // namespace refcalib::engine
