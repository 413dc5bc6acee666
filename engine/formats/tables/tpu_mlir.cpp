#include <algorithm>

#include "engine/formats/tables/table_formats.h"
#include "engine/formats/tables/table_text.h"

// The calibration table of TPU-MLIR: comments behind #, then `NAME threshold min max` of each tensor: the integers +-127 reach
// +-threshold, min and max are what was seen. Sections that begin with a comment (`#weight_scale`, `#int4_th` …) hold other numbers.

namespace refcalib::engine::tables {
namespace {

constexpr std::string_view kColumns = "op_name";
constexpr std::size_t kFields = 4;

bool starts_section(std::string_view line) {
  constexpr std::string_view sections[] = {"#weight_scale", "#int4_th", "#asym_op", "#smooth_quant"};
  return std::any_of(std::begin(sections), std::end(sections),
                     [&](std::string_view section) { return line.starts_with(section); });
}

bool recognises(std::string_view text) {
  for (const TableLine& line : lines_of(text))
    if (line.text.front() == '#' && line.text.find(kColumns) != std::string_view::npos) return true;
  return false;
}

CalibrationTable read(std::string_view text) {
  CalibrationTable table;
  for (const TableLine& line : lines_of(text)) {
    if (starts_section(line.text)) {
      table.notes.push_back("line " + std::to_string(line.number) + ": the section " +
                            std::string(line.text) + " and what follows is left out");
      break;
    }
    if (line.text.front() == '#') continue;
    const auto words = line.words();
    if (words.size() != kFields) line.fail("is not NAME threshold min max");
    const double threshold = line.magnitude_of(words[1]), least = line.number_of(words[2]),
                 most = line.number_of(words[3]);
    if (least > most) line.fail("min lies above max");
    if (threshold > 0)
      table.activations.push_back({std::string(words[0]), ActivationEntry::Place::output, -threshold,
                                   threshold, true, std::pair(least, most)});
    else
      table.notes.push_back("'" + std::string(words[0]) + "' has the threshold 0 and is left out");
  }
  return table;
}

std::string write(const CalibrationTable& table) {
  std::string text = "# op_name    threshold    min    max\n";
  for (const ActivationEntry& entry : table.activations) {
    if (entry.place != ActivationEntry::Place::output) continue;
    const auto [least, most] = entry.observed.value_or(std::pair(entry.low, entry.high));
    text += entry.name + " " + decimal(entry.threshold()) + " " + decimal(least) + " " + decimal(most) + "\n";
  }
  return text;
}

}  // namespace

extern const TableFormat tpu_mlir_format;
const TableFormat tpu_mlir_format{
    "tpu-mlir", "calibration table of TPU-MLIR", recognises, read, write, {}, Naming::typed_values};

}  // namespace refcalib::engine::tables
