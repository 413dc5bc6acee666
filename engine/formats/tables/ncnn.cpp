#include <algorithm>

#include "engine/core/error.h"
#include "engine/formats/tables/table_formats.h"
#include "engine/formats/tables/table_text.h"

// The table that ncnn2table writes and ncnn2int8 reads. `NAME_param_0 SCALE…`: 127 / largest magnitude of the weights of the layer NAME,
// of all or of each output channel (or group); `NAME SCALE…`: 127 / threshold of what the layer reads. A line is taken out, or commented
// out by #, to keep its layer in float. The older tools write several scales of an input, one per channel of a depthwise layer.

namespace refcalib::engine::tables {
namespace {

constexpr std::string_view kWeights = "_param_0";
constexpr double kSteps = 127;

double limit_of(const TableLine& line, std::string_view word) {
  const double scale = line.magnitude_of(word);
  return scale > 0 ? kSteps / scale : 0;
}

std::vector<std::string_view> content(const TableLine& line) {
  const std::size_t comment = line.text.find("//");
  return TableLine{line.number, line.text.substr(0, comment)}.words();
}

bool recognises(std::string_view text) {
  for (const TableLine& line : lines_of(text)) {
    const auto words = content(line);
    if (words.size() > 1 && words.front().find(kWeights) != std::string_view::npos) return true;
  }
  return false;
}

CalibrationTable read(std::string_view text) {
  CalibrationTable table;
  table.weights_choose_layers = true;
  for (const TableLine& line : lines_of(text)) {
    if (line.text.front() == '#') continue;
    const auto words = content(line);
    if (words.empty()) continue;
    if (words.size() < 2) line.fail("'" + std::string(words.front()) + "' has no scale");
    std::vector<double> limits;
    for (std::size_t i = 1; i < words.size(); ++i) limits.push_back(limit_of(line, words[i]));
    std::string name(words.front());
    if (name.ends_with(kWeights)) {
      name.resize(name.size() - kWeights.size());
      table.weights.push_back({std::move(name), std::move(limits)});
      continue;
    }
    const double widest = *std::max_element(limits.begin(), limits.end());
    if (limits.size() > 1)
      table.notes.push_back("line " + std::to_string(line.number) + ": of " + std::to_string(limits.size()) +
                            " thresholds of the input of '" + name + "' the widest counts");
    if (!(widest > 0)) line.fail("the scale of '" + name + "' is 0");
    table.activations.push_back({std::move(name), ActivationEntry::Place::input, -widest, widest, true, {}});
  }
  return table;
}

std::string scale_text(double limit) {
  return limit > 0 ? decimal(kSteps / limit) : "0";
}

/// Tables of values, as other tools write them, do not say which layers read them.
std::string write(const CalibrationTable& table) {
  std::string text;
  for (const WeightEntry& entry : table.weights) {
    text += entry.layer + std::string(kWeights);
    for (const double limit : entry.limits) text += " " + scale_text(limit);
    text += "\n";
  }
  for (const ActivationEntry& entry : table.activations)
    if (entry.place == ActivationEntry::Place::input)
      text += entry.name + " " + scale_text(entry.threshold()) + "\n";
  if (text.empty())
    throw UsageError("ncnn states thresholds by the layer that reads a value, and the table has none",
                     {"", "", "export from a model (-m)"});
  return text;
}

}  // namespace

extern const TableFormat ncnn_format;
const TableFormat ncnn_format{"ncnn", "table of ncnn2table", recognises, read, write, {}, Naming::nodes};

}  // namespace refcalib::engine::tables
