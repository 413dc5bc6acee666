#include "engine/formats/tables/table_formats.h"

#include <array>
#include <fstream>
#include <iterator>
#include <set>

#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/formats/ir/atomic_file.h"

namespace refcalib::engine::tables {

#define REFCALIB_TABLE_FORMAT(name) extern const TableFormat name##_format;
#include "engine/formats/tables/formats.def"
#undef REFCALIB_TABLE_FORMAT

namespace {

constexpr std::array formats = {
#define REFCALIB_TABLE_FORMAT(name) &name##_format,
#include "engine/formats/tables/formats.def"
#undef REFCALIB_TABLE_FORMAT
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) throw IoError("cannot open the table");
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file.bad()) throw IoError("cannot read the table");
  return text;
}

/// `name`: empty, or of the forms that come into question.
const TableFormat& format_of(std::string_view text, std::string_view name) {
  for (const TableFormat* const format : formats)
    if ((name.empty() || format->name == name) && format->recognises(text)) return *format;
  if (!name.empty()) return table_format(name);
  throw UsageError("looks like no known calibration table",
                   {"", "", "name its format: " + table_format_names()});
}

void check(const CalibrationTable& table) {
  if (table.activations.empty()) throw FormatError("the table states no limits of activations");
  std::set<std::pair<std::string, ActivationEntry::Place>> names;
  for (const ActivationEntry& entry : table.activations)
    if (!names.emplace(entry.name, entry.place).second)
      throw FormatError("'" + entry.name + "' is stated twice");
  std::set<std::string> layers;
  for (const WeightEntry& entry : table.weights)
    if (!layers.insert(entry.layer).second)
      throw FormatError("the weights of '" + entry.layer + "' are stated twice");
}

}  // namespace

std::span<const TableFormat* const> table_formats() noexcept {
  return formats;
}

std::string table_format_names() {
  std::string names;
  for (const TableFormat* const format : formats)
    if (format->extension.empty()) names += (names.empty() ? "" : ", ") + std::string(format->name);
  return names;
}

const TableFormat& table_format(std::string_view name, const std::filesystem::path& file) {
  for (const TableFormat* const format : formats)
    if (format->name == name && !format->extension.empty() && format->extension == file.extension().string())
      return *format;
  for (const TableFormat* const format : formats)
    if (format->name == name) return *format;
  throw UsageError("'" + std::string(name) + "' is no format of calibration tables",
                   {"", "", "known: " + table_format_names()});
}

ReadTable read_table(const std::filesystem::path& path, std::string_view format) {
  return in_context({path.string(), "", ""}, [&] {
    const std::string text = text_of(path);
    const TableFormat& known = format_of(text, format);
    ReadTable result{known.read(text), &known};
    check(result.table);
    return result;
  });
}

void write_table(const CalibrationTable& table, const TableFormat& format,
                 const std::filesystem::path& path) {
  in_context({path.string(), "", ""}, [&] {
    const std::string text = format.write(table);
    ir::AtomicFile file(path);
    file.write(std::as_bytes(std::span(text)));
    file.close();
    file.commit();
  });
}

}  // namespace refcalib::engine::tables
