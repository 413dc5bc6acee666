#include "apps/refcalib/table_report.h"

#include <algorithm>

#include "apps/refcalib/text.h"

namespace refcalib::app {
namespace {

/// "'a', 'b', 'c' and 4 more".
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t most = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i)
    text += (text.empty() ? "'" : ", '") + names[i] + "'";
  if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
  return text;
}

}  // namespace

void report_table(Report& report, const engine::tables::ReadTable& read,
                  const engine::TableCalibration& calibration) {
  report.line("table: " + std::string(read.format->title) + ", " +
              counted(read.table.activations.size(), "threshold") + ", weights of " +
              counted(read.table.weights.size(), "layer"));
  for (const std::string& note : read.table.notes) report.note(note);
  if (!calibration.unmatched.empty())
    report.warning(counted(calibration.unmatched.size(), "name") + " of the table " +
                   (calibration.unmatched.size() == 1 ? "is" : "are") +
                   " not in the network: " + some_of(calibration.unmatched));
  if (!calibration.without_entry.empty())
    report.warning(counted(calibration.without_entry.size(), "layer") + " without an entry in the table " +
                   (calibration.without_entry.size() == 1 ? "stays" : "stay") +
                   " in FP32: " + some_of(calibration.without_entry));
}

}  // namespace refcalib::app
