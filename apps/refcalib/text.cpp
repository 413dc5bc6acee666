#include "apps/refcalib/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace refcalib::app {
namespace {

std::string csv_field(const std::string& field) {
  if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
  std::string quoted = "\"";
  for (const char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  if (length < 0 || static_cast<std::size_t>(length) >= text.size()) return significant(value, digits + 3);
  return text.data();
}

std::string significant(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  return text.data();
}

std::string counted(std::size_t count, std::string_view singular) {
  return std::to_string(count) + " " + std::string(singular) + (count == 1 ? "" : "s");
}

std::string duration(double seconds) {
  if (seconds < 1) return fixed(seconds * 1e3, 0) + " ms";
  if (seconds < 99.95) return fixed(seconds, 1) + " s";
  const auto whole = static_cast<long long>(std::llround(seconds));
  const std::string rest = std::to_string(whole % 60);
  return std::to_string(whole / 60) + " min " + (rest.size() < 2 ? "0" : "") + rest + " s";
}

std::string megabytes(std::int64_t bytes) {
  return fixed(static_cast<double>(bytes) / 1e6, 0) + " MB";
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  const auto widen = [&widths](const std::vector<std::string>& row) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  };
  widen(header);
  for (const auto& row : rows) widen(row);

  std::string out;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(widths[i] - row[i].size(), ' ');
      const bool to_left = i == 0 || std::find(left.begin(), left.end(), i) != left.end();
      line += (i == 0 ? "" : "  ") + (to_left ? row[i] + gap : gap + row[i]);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  };
  append(header);
  for (const auto& row : rows) append(row);
  return out;
}

std::string Table::csv() const {
  std::string out;
  const auto append = [&out](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size(); ++i) out += (i == 0 ? "" : ",") + csv_field(row[i]);
    out += '\n';
  };
  append(header);
  for (const auto& row : rows) append(row);
  return out;
}

std::string Table::markdown() const {
  std::string out;
  const auto append = [&out](const std::vector<std::string>& row, std::size_t columns) {
    for (std::size_t i = 0; i < columns; ++i) {
      out += "| ";
      for (const char c : i < row.size() ? row[i] : std::string())
        out += c == '|' ? "\\|" : std::string(1, c);
      out += " ";
    }
    out += "|\n";
  };
  append(header, header.size());
  append(std::vector<std::string>(header.size(), "---"), header.size());
  for (const auto& row : rows) append(row, header.size());
  return out;
}

}  // namespace refcalib::app
