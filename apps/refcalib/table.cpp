#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/table_report.h"
#include "apps/refcalib/text.h"
#include "apps/refcalib/write_calibrated.h"
#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/range_cost.h"
#include "engine/calibration/table_calibration.h"
#include "engine/core/error.h"
#include "engine/core/error_context.h"
#include "engine/evaluation/output_file.h"
#include "engine/formats/tables/table_formats.h"

namespace refcalib::app {
namespace {

namespace tables = engine::tables;
using Activation = engine::ir::Annotation::Activation;

struct Options {
  CLI::App *exporting = nullptr, *importing = nullptr, *comparing = nullptr;
  ModelOptions model;
  InputOptions input;
  std::string table, format, output, report_file;
  std::vector<std::string> both;
  std::size_t rows = 20;
};

void declare_export(CLI::App& app, Options& o) {
  app.add_option("-m,--model", o.model.model,
                 "Calibrated model; with -t a model in float that the table is for")
      ->required();
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  app.add_option("-t,--table", o.table, "Translate this table instead of writing the model's own limits");
  app.add_option("--format", o.format, "Written: " + tables::table_format_names())->required();
  app.add_option("-o,--output", o.output, "The table")->required();
}

void declare_import(CLI::App& app, Options& o) {
  app.add_option("-m,--model", o.model.model, "Model in float")->required();
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  declare_shapes(app, o.model);
  app.add_option("-t,--table", o.table, "Calibration table of another tool")->required();
  app.add_option("--format", o.format,
                 "Of the table: " + tables::table_format_names() + "; default: what it looks like");
  app.add_option("-o,--output-dir", o.output,
                 "Folder for <model>_i8 in the model's format, or the .xml or .onnx itself; default: the "
                 "model's folder");
}

void declare_diff(CLI::App& app, Options& o) {
  app.add_option("TABLES", o.both, "Two tables, of any formats")->required()->expected(2);
  app.add_option("-m,--model", o.model.model,
                 "The model in float: compare by its values, not by names alone");
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  declare_shapes(app, o.model);
  declare_machine(app, o.model);
  declare_inputs(app, o.input, "-s,--source,-i,--input");
  app.add_option("--rows", o.rows, "Print the N largest differences; reports hold all")
      ->capture_default_str()
      ->check(whole_number());
  app.add_option("--report", o.report_file, "Write all rows into FILE.csv");
}

void declare(CLI::App& app, Options& o) {
  o.exporting =
      app.add_subcommand("export", "Write the limits of a calibrated model as another tool's table");
  declare_export(*o.exporting, o);
  o.importing = app.add_subcommand("import", "Calibrate a model by another tool's table");
  declare_import(*o.importing, o);
  o.comparing = app.add_subcommand("diff", "Where two tables disagree, and what each costs (-m, -s)");
  declare_diff(*o.comparing, o);
  app.require_subcommand(1);
}

engine::TableCalibration calibrated(const engine::Model& model, const std::string& file,
                                    const tables::CalibrationTable& table) {
  return engine::in_context({file, {}, {}},
                            [&] { return engine::calibrate_from_table(model.graph, table, {}); });
}

Exit run_export(const Options& o, Report& report) {
  const tables::TableFormat& format = tables::table_format(o.format, o.output);
  const engine::Model model = load(o.model);
  tables::CalibrationTable table;
  if (o.table.empty()) {
    table = engine::table_of(model.graph);
    if (table.activations.empty())
      throw engine::UsageError("the model has no limits: it is not calibrated",
                               {o.model.model, {}, "calibrate it first, or name a table with -t"});
  } else {
    const tables::ReadTable read = read_table_for(o.model, o.table);
    const engine::TableCalibration calibration = calibrated(model, o.table, read.table);
    report_table(report, read, calibration);
    table = engine::table_of(engine::annotated_graph(model.graph, calibration.result.annotation));
  }
  tables::write_table(named_for(format, o.model, std::move(table)), format, o.output);
  // What a format can state of it is what can be read again.
  const tables::CalibrationTable written = tables::read_table(o.output, format.name).table;
  report.line("written: " + o.output + " (" + std::string(format.title) + "), " +
              counted(written.activations.size(), "threshold") + ", weights of " +
              counted(written.weights.size(), "layer"));
  return Exit::ok;
}

Exit run_import(const Options& o, Report& report) {
  const engine::Model model = load(o.model);
  const std::filesystem::path output = prepare_output(o.model.model, o.output);
  const tables::ReadTable read = read_table_for(o.model, o.table, o.format);
  engine::TableCalibration calibration = calibrated(model, o.table, read.table);
  report.line("model: " + o.model.model + " (" + format_text(model) + ")");
  report_table(report, read, calibration);
  engine::ir::Annotation& annotation = calibration.result.annotation;
  const std::vector<std::string> further = values_without_range(model, o.model, annotation, output);
  for (Activation& limit : engine::table_limits(model.graph, read.table, {}, further))
    annotation.activations.push_back(std::move(limit));
  write_calibrated(model, o.model, annotation, false, output);
  report.line("layers: " + std::to_string(annotation.weights.size()) + " with weights run in INT8");
  report.line("written: " + output.string());
  return Exit::ok;
}

/// Limits of one table in terms that can be compared.
struct Limits {
  double low = 0, high = 0;
  std::optional<double> sqnr_db;
  double threshold() const { return std::max(-low, high); }
};

struct Difference {
  std::string name;
  std::optional<Limits> sides[2];

  /// How far apart the two are: by what they cost where that is known, else by the ratio of their widths.
  double size() const {
    if (!sides[0] || !sides[1]) return -1;
    if (sides[0]->sqnr_db && sides[1]->sqnr_db) {
      const double apart = std::abs(*sides[0]->sqnr_db - *sides[1]->sqnr_db);
      return std::isnan(apart) ? 0 : apart;
    }
    return std::abs(std::log2(ratio()));
  }
  double ratio() const { return (sides[0]->high - sides[0]->low) / (sides[1]->high - sides[1]->low); }
};

std::vector<Difference> by_names(const tables::CalibrationTable (&both)[2]) {
  std::map<std::string, Difference> rows;
  for (std::size_t side = 0; side < 2; ++side)
    for (const tables::ActivationEntry& entry : both[side].activations) {
      const bool input = entry.place == tables::ActivationEntry::Place::input;
      const std::string name = input ? "input of " + entry.name : entry.name;
      Difference& row = rows[name];
      row.name = name;
      row.sides[side] = Limits{entry.low, entry.high, {}};
    }
  std::vector<Difference> list;
  for (auto& [name, row] : rows) list.push_back(std::move(row));
  return list;
}

std::vector<Difference> by_values(const Options& o, const tables::ReadTable (&read)[2], Report& report) {
  const engine::Model model = load(o.model);
  std::vector<Activation> limits[2];
  for (std::size_t side = 0; side < 2; ++side) {
    engine::TableCalibration calibration = calibrated(model, o.both[side], read[side].table);
    report_table(report, read[side], calibration);
    limits[side] = std::move(calibration.result.annotation.activations);
  }
  std::map<std::string, Difference> rows;
  for (std::size_t side = 0; side < 2; ++side)
    for (const Activation& limit : limits[side]) {
      Difference& row = rows[limit.value];
      row.name = limit.value;
      row.sides[side] = Limits{
          static_cast<double>(limit.range.front().low), static_cast<double>(limit.range.front().high), {}};
    }
  if (o.input.given()) {
    engine::Dataset dataset(input_ports(model.graph), dataset_options(report, o.model.model, o.input, 16));
    report_inputs(report, dataset, o.input);
    for (std::size_t side = 0; side < 2; ++side)
      for (const engine::RangeCost& cost :
           engine::range_costs(model.graph, limits[side], sample_source(dataset), o.model.threads))
        rows.at(cost.value).sides[side]->sqnr_db = cost.sqnr_db;
    report_skipped(report, dataset);
  }
  std::vector<Difference> list;
  for (auto& [name, row] : rows) list.push_back(std::move(row));
  return list;
}

std::string db_text(const std::optional<Limits>& side) {
  return side && side->sqnr_db ? fixed(*side->sqnr_db, 1) : "";
}

Table table_of_rows(const std::vector<Difference>& rows, bool costs) {
  Table table;
  table.header = {"value", "low A", "high A", "low B", "high B", "A / B"};
  if (costs) table.header.insert(table.header.end(), {"SQNR A", "SQNR B"});
  for (const Difference& row : rows) {
    std::vector<std::string> cells{row.name};
    for (const auto& side : row.sides) {
      cells.push_back(side ? significant(side->low, 6) : "");
      cells.push_back(side ? significant(side->high, 6) : "");
    }
    cells.push_back(row.sides[0] && row.sides[1] ? fixed(row.ratio(), 3) : "");
    if (costs)
      for (const auto& side : row.sides) cells.push_back(db_text(side));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

/// The closing lines: how many values each has, how far they agree, and whose limits cost less.
void summarize(Report& report, const std::vector<Difference>& rows) {
  std::size_t only[2] = {0, 0}, shared = 0, alike = 0, better[2] = {0, 0};
  constexpr double close = 0.01, noticeable = 0.1;
  for (const Difference& row : rows) {
    if (!row.sides[0] || !row.sides[1]) {
      ++only[row.sides[0] ? 0 : 1];
      continue;
    }
    ++shared;
    alike += std::abs(row.ratio() - 1) <= close;
    if (!row.sides[0]->sqnr_db || !row.sides[1]->sqnr_db) continue;
    const double lead = *row.sides[0]->sqnr_db - *row.sides[1]->sqnr_db;
    better[0] += lead > noticeable;
    better[1] += lead < -noticeable;
  }
  report.line(counted(shared, "value") + " in both, " + std::to_string(alike) +
              " of them with widths within 1 %; " + std::to_string(only[0]) + " only in A, " +
              std::to_string(only[1]) + " only in B");
  if (better[0] + better[1] > 0)
    report.line("by more than 0.1 dB A costs less in " + std::to_string(better[0]) + ", B in " +
                std::to_string(better[1]));
}

Exit run_diff(const Options& o, Report& report) {
  if (o.input.given() && o.model.model.empty())
    throw engine::UsageError("what limits cost is measured on a model; name it with -m");
  const bool with_model = !o.model.model.empty();
  const auto read_one = [&](const std::string& file) {
    return with_model ? read_table_for(o.model, file) : tables::read_table(file);
  };
  const tables::ReadTable read[2] = {read_one(o.both[0]), read_one(o.both[1])};
  std::vector<Difference> rows;
  if (!with_model) {
    const tables::CalibrationTable both[2] = {read[0].table, read[1].table};
    rows = by_names(both);
  } else {
    rows = by_values(o, read, report);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Difference& a, const Difference& b) { return a.size() > b.size(); });
  const bool costs = o.input.given();
  report.line("A: " + o.both[0] + " (" + std::string(read[0].format->title) + ")");
  report.line("B: " + o.both[1] + " (" + std::string(read[1].format->title) + ")");
  const std::vector<Difference> first(
      rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(o.rows, rows.size())));
  report.block(table_of_rows(first, costs).text());
  if (first.size() < rows.size()) report.line("… " + counted(rows.size() - first.size(), "row") + " more");
  summarize(report, rows);
  if (o.report_file.empty()) return Exit::ok;
  engine::OutputFile file(o.report_file);
  file.write(table_of_rows(rows, costs).csv());
  file.commit();
  return Exit::ok;
}

}  // namespace

Command table_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "table",
          .summary = "Calibration tables of other tools: write, calibrate by, compare",
          .aliases = {kSubsetAlias},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run =
              [options](Report& report) {
                if (options->exporting->parsed()) return run_export(*options, report);
                if (options->importing->parsed()) return run_import(*options, report);
                return run_diff(*options, report);
              }};
}

}  // namespace refcalib::app
