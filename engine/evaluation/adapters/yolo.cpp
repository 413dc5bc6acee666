#include "engine/evaluation/adapters/yolo.h"

#include <cmath>

namespace refcalib::engine {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

void read_yolo_grid(const YoloGrid& grid, const YoloRules& rules, std::span<const double> anchors,
                    double unit_x, double unit_y, BoxPrediction& into) {
  const std::size_t area = grid.rows * grid.columns, entries = rules.coords + 1 + rules.classes;
  for (std::size_t n = 0; 2 * n + 1 < anchors.size(); ++n)
    for (std::size_t cell = 0; cell < area; ++cell) {
      const auto at = [&](std::size_t entry) {
        return static_cast<double>(grid.values[(n * entries + entry) * area + cell]);
      };
      const auto chance = [&](std::size_t entry) { return rules.raw ? sigmoid(at(entry)) : at(entry); };
      const double object = chance(rules.coords);
      if (!rules.threshold_on_class && !(object >= rules.threshold)) continue;
      const double x =
          (static_cast<double>(cell % grid.columns) + chance(0)) / static_cast<double>(grid.columns);
      const double y =
          (static_cast<double>(cell / grid.columns) + chance(1)) / static_cast<double>(grid.rows);
      const double w = std::exp(at(2)) * anchors[2 * n] / unit_x;
      const double h = std::exp(at(3)) * anchors[2 * n + 1] / unit_y;
      for (std::size_t c = 0; c < rules.classes; ++c) {
        const double score = object * chance(rules.coords + 1 + c);
        if (rules.threshold_on_class && !(score >= rules.threshold)) continue;
        into.boxes.push_back({x - w / 2, y - h / 2, x + w / 2, y + h / 2});
        into.labels.push_back(static_cast<std::int64_t>(c));
        into.scores.push_back(static_cast<float>(score));
      }
    }
}

std::vector<double> read_anchors(Fields& fields, std::string_view otherwise,
                                 const std::vector<std::pair<std::string_view, std::vector<double>>>& known) {
  std::vector<std::string_view> names;
  if (!fields.has("anchors")) fields.text("anchors", otherwise);
  const std::string name = fields.has("anchors") ? "" : std::string(otherwise);
  std::vector<std::string> parts;
  if (fields.has("anchors")) parts = fields.texts("anchors");
  const std::string given = name.empty() && parts.size() == 1 ? parts.front() : name;
  for (const auto& [known_name, values] : known) {
    if (given == known_name) return values;
    names.push_back(known_name);
  }
  std::vector<double> anchors;
  for (const std::string& part : parts) {
    const auto value = parse_number(part);
    if (!value || *value <= 0)
      fields.fail("anchors", "'anchors' holds '" + part + "'",
                  "numbers above 0 are expected, or one of " + quoted_list(names));
    anchors.push_back(*value);
  }
  if (anchors.empty() || anchors.size() % 2 != 0)
    fields.fail("anchors", "'anchors' has " + std::to_string(anchors.size()) + " numbers",
                "a width and a height for each anchor are expected");
  return anchors;
}

YoloGrid yolo_grid(const NetworkRun& run, const NetworkOutput& output, std::size_t row, std::size_t channels,
                   std::string_view who) {
  YoloGrid grid{run.row(output, row)};
  if (output.shape.size() == 4) {
    grid.rows = static_cast<std::size_t>(output.shape[2]);
    grid.columns = static_cast<std::size_t>(output.shape[3]);
  } else {
    const double cells = std::sqrt(static_cast<double>(grid.values.size()) / static_cast<double>(channels));
    grid.rows = grid.columns = static_cast<std::size_t>(std::lround(cells));
  }
  if (grid.values.size() != channels * grid.rows * grid.columns || grid.values.empty())
    throw UsageError(std::string(who) + ": output '" + output.name + "' of shape " + to_string(output.shape) +
                         " does not hold " + std::to_string(channels) +
                         " channels (anchors x (coords + 1 + classes))",
                     {.remedy = "check 'classes', 'coords' and the anchors"});
  return grid;
}

}  // namespace refcalib::engine
