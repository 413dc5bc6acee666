#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/formats/tables/node_names.h"
#include "engine/formats/tables/table.h"

namespace refcalib::engine::tables {

/// A format of calibration tables. One file each, named for the format, and a line of formats.def. Formats of one name are forms of
/// one tool's table.
struct TableFormat {
  std::string_view name;   ///< on the command line
  std::string_view title;  ///< for people
  /// True if a text looks like this format. Asked in the order of the table; the first that says yes reads it.
  bool (*recognises)(std::string_view text);
  /// Throws FormatError that names the line or the field, without the file.
  CalibrationTable (*read)(std::string_view text);
  std::string (*write)(const CalibrationTable& table);
  std::string_view extension = {};  ///< of files in this form, where the name has others, too; with the dot
  Naming naming = Naming::values;
};

/// THE TABLE of formats.
std::span<const TableFormat* const> table_formats() noexcept;
/// "ncnn, tensorrt, …"
std::string table_format_names();

/// The format of that name, of several the one of the extension of `file`, else the first. Throws UsageError.
const TableFormat& table_format(std::string_view name, const std::filesystem::path& file = {});

/// A table and the format that it was read in.
struct ReadTable {
  CalibrationTable table;
  const TableFormat* format;
};

/// `format`: a name, or empty for the format that the text looks like. Throws IoError; FormatError naming file and line or field, also
/// for a name that is stated twice and a table without any limits; UsageError for a text of no known format.
ReadTable read_table(const std::filesystem::path& path, std::string_view format = {});

/// Throws IoError; UsageError for a table that the format cannot state.
void write_table(const CalibrationTable& table, const TableFormat& format, const std::filesystem::path& path);

}  // namespace refcalib::engine::tables
