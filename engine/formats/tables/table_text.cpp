#include "engine/formats/tables/table_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "engine/core/error.h"

namespace refcalib::engine::tables {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::vector<std::string_view> TableLine::words() const {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; (at = text.find_first_not_of(kBlanks, at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

void TableLine::fail(const std::string& why) const {
  throw FormatError("line " + std::to_string(number) + ": " + why);
}

double TableLine::number_of(std::string_view word) const {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size() || !std::isfinite(value))
    fail("'" + std::string(word) + "' is not a number");
  return value;
}

double TableLine::magnitude_of(std::string_view word) const {
  const double value = number_of(word);
  if (value < 0) fail("'" + std::string(word) + "' is negative");
  return value;
}

std::vector<TableLine> lines_of(std::string_view text) {
  std::vector<TableLine> lines;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    if (!line.empty()) lines.push_back({number, line});
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::string decimal(double value) {
  constexpr int digits = 9;
  std::array<char, 64> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::general, digits);
  return error == std::errc{} ? std::string(buffer.data(), end) : std::string("nan");
}

}  // namespace refcalib::engine::tables
