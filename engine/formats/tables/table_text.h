#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::engine::tables {

// What the formats that consist of lines have in common.

/// A line without its end and without blanks around it, and its number, counted from 1.
struct TableLine {
  std::size_t number = 0;
  std::string_view text;
  std::vector<std::string_view> words() const;
  /// Throws FormatError "line N: WHY".
  [[noreturn]] void fail(const std::string& why) const;
  /// A finite number. Throws FormatError.
  double number_of(std::string_view word) const;
  /// The same, not below 0.
  double magnitude_of(std::string_view word) const;
};

/// All lines but empty ones.
std::vector<TableLine> lines_of(std::string_view text);

/// At most nine significant digits, in the shortest form.
std::string decimal(double value);

}  // namespace refcalib::engine::tables
