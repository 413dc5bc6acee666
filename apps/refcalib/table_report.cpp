#include "apps/refcalib/table_report.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "apps/refcalib/text.h"
#include "engine/formats/model_formats.h"

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

std::vector<engine::tables::NodeName> node_names(const std::string& model) {
  const engine::ModelFormat& format = engine::model_format(model);
  return format.node_names == nullptr ? std::vector<engine::tables::NodeName>() : format.node_names(model);
}

}  // namespace

engine::tables::ReadTable read_table_for(const ModelOptions& model, const std::string& file,
                                         const std::string& format) {
  engine::tables::ReadTable read = engine::tables::read_table(file, format);
  read.table = engine::tables::by_values(std::move(read.table), read.format->naming, node_names(model.model));
  return read;
}

engine::tables::CalibrationTable named_for(const engine::tables::TableFormat& format,
                                           const ModelOptions& model,
                                           engine::tables::CalibrationTable table) {
  return engine::tables::by_names(std::move(table), format.naming, node_names(model.model));
}

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
