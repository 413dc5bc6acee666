#include "engine/evaluation/labels.h"

#include <charconv>
#include <fstream>
#include <string_view>

#include "engine/core/error.h"
#include "engine/core/error_context.h"

namespace refcalib::engine {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::optional<std::size_t> to_index(std::string_view text) {
  std::size_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Labels Labels::parse(std::istream& text) {
  Labels labels;
  std::string raw;
  for (std::size_t number = 1; std::getline(text, raw); ++number) {
    const std::string where = "line " + std::to_string(number) + ": ";
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::size_t blank = line.find_last_of(kBlanks);
    const std::string_view last = blank == std::string_view::npos ? line : line.substr(blank + 1);
    const auto index = to_index(last);
    if (!index) throw FormatError(where + "`file index` or `index` expected");
    if (blank == std::string_view::npos) {
      labels.by_position_.push_back(*index);
    } else {
      const auto [entry, added] = labels.by_file_.emplace(trim(line.substr(0, blank)), *index);
      if (!added && entry->second != *index)
        throw FormatError(where + "'" + entry->first + "' has another label above");
    }
    if (!labels.by_position_.empty() && !labels.by_file_.empty())
      throw FormatError(where + "lines with and without a file name are mixed");
  }
  return labels;
}

Labels Labels::read(const std::filesystem::path& path) {
  std::error_code ignored;
  std::ifstream in(path);
  if (!in || std::filesystem::is_directory(path, ignored))
    throw IoError("cannot open the labels", {.file = path.string()});
  Labels labels = in_context({.file = path.string()}, [&] { return parse(in); });
  if (labels.size() == 0) throw FormatError("no labels in the file", {.file = path.string()});
  return labels;
}

std::optional<std::size_t> Labels::find(const std::filesystem::path& file, std::size_t position) const {
  if (by_position())
    return position < by_position_.size() ? std::optional(by_position_[position]) : std::nullopt;
  for (const std::string& key : {file.string(), file.filename().string()})
    if (const auto entry = by_file_.find(key); entry != by_file_.end()) return entry->second;
  return std::nullopt;
}

}  // namespace refcalib::engine
