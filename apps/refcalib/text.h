#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace refcalib::app {

/// A number with a fixed count of digits behind the point; "inf", "-inf", "nan" otherwise.
std::string fixed(double value, int digits);
/// A number with at most `digits` significant digits, shortest form ("%.*g").
std::string significant(double value, int digits);
/// "1 image", "3 images": the singular gets an s for any other count.
std::string counted(std::size_t count, std::string_view singular);
/// Seconds as "850 ms", "12.3 s" or "4 min 05 s".
std::string duration(double seconds);
/// Bytes as "123 MB" (10^6).
std::string megabytes(std::int64_t bytes);

/// Rows of text in aligned columns: the first column to the left, columns named in `left` too, others to the
/// right.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::size_t> left;  ///< further columns aligned to the left

  /// Lines ending in '\n'; two blanks between columns, none at the end of a line. Rows may be shorter than
  /// the header.
  std::string text() const;
  /// Comma-separated values with a header line (RFC 4180 quoting).
  std::string csv() const;
  /// A table of Markdown, "|" in the fields escaped.
  std::string markdown() const;
};

}  // namespace refcalib::app
