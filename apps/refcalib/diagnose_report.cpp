#include "apps/refcalib/diagnose_report.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/refcalib/json.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::app {
namespace {

std::string decibels(double value) {
  return std::isnan(value) ? "" : fixed(value, 1);
}

/// Gains below this are not worth a word.
constexpr double kGainDb = 0.1;

void print_layer(Report& report, std::size_t place, const engine::LayerDiagnosis& layer) {
  report.line(std::to_string(place) + ". '" + layer.layer + "': " + layer.reason + " - " + layer.detail);
  if (layer.trials.empty()) return;
  const engine::Trial& best = layer.trials.front();
  if (best.gain_db < kGainDb) {
    report.line("   no remedy that was tried helps the outputs by " + significant(kGainDb, 2) + " dB");
    return;
  }
  for (const engine::Trial& trial : layer.trials)
    if (trial.gain_db >= kGainDb)
      report.line("   " + std::string(&trial == &best ? "helps most: " : "also: ") + trial.remedy + ", " +
                  fixed(trial.gain_db, 2) + " dB at the outputs (" + trial.advice + ")");
}

}  // namespace

void print_diagnosis(Report& report, const engine::Diagnosis& diagnosis, std::size_t rows) {
  report.line("outputs of the INT8 model: SQNR " + fixed(diagnosis.output_sqnr_db, 1) +
              " dB; simulated from its layers: " + fixed(diagnosis.simulated_sqnr_db, 1) + " dB; " +
              counted(diagnosis.samples, "run") + " compared");
  Table table;
  table.header = {"layer",         "operation",          "share", "outputs dB", "isolated dB",
                  "cumulative dB", "saturated elements", "of",    "reason"};
  table.left = {1, 8};
  for (const engine::LayerDiagnosis& layer : diagnosis.layers) {
    if (table.rows.size() == rows) break;
    table.rows.push_back({layer.layer, layer.op, fixed(100 * layer.share, 1) + " %",
                          decibels(layer.output_sqnr_db), decibels(layer.isolated_sqnr_db),
                          decibels(layer.cumulative_sqnr_db), std::to_string(layer.saturated),
                          std::to_string(layer.elements), layer.reason});
  }
  report.block(table.text());
  std::size_t place = 0;
  for (const engine::LayerDiagnosis& layer : diagnosis.layers)
    if (!layer.reason.empty()) print_layer(report, ++place, layer);
}

std::string diagnosis_json(const engine::Diagnosis& diagnosis) {
  std::vector<JsonObject> layers;
  for (const engine::LayerDiagnosis& layer : diagnosis.layers) {
    JsonObject object;
    object.add("layer", layer.layer)
        .add("operation", layer.op)
        .add("share", layer.share)
        .add("output_sqnr_db", layer.output_sqnr_db)
        .add("isolated_sqnr_db", layer.isolated_sqnr_db)
        .add("cumulative_sqnr_db", layer.cumulative_sqnr_db)
        .add("saturated", layer.saturated)
        .add("elements", layer.elements);
    if (!layer.reason.empty()) object.add("reason", layer.reason).add("detail", layer.detail);
    if (layer.channel) object.add("channel", *layer.channel);
    std::vector<JsonObject> trials;
    for (const engine::Trial& trial : layer.trials)
      trials.push_back(
          JsonObject().add("remedy", trial.remedy).add("advice", trial.advice).add("gain_db", trial.gain_db));
    if (!trials.empty()) object.add("remedies", trials);
    layers.push_back(std::move(object));
  }
  return JsonObject()
             .add("samples", diagnosis.samples)
             .add("output_sqnr_db", diagnosis.output_sqnr_db)
             .add("simulated_sqnr_db", diagnosis.simulated_sqnr_db)
             .add("layers", layers)
             .text() +
         "\n";
}

std::string diagnosis_csv(const engine::Diagnosis& diagnosis) {
  Table table;
  table.header = {
      "layer",     "operation", "share",  "output_sqnr_db", "isolated_sqnr_db", "cumulative_sqnr_db",
      "saturated", "elements",  "reason", "channel",        "detail",           "remedy",
      "gain_db"};
  for (const engine::LayerDiagnosis& layer : diagnosis.layers) {
    table.rows.push_back({layer.layer, layer.op, significant(layer.share, 6),
                          significant(layer.output_sqnr_db, 6), significant(layer.isolated_sqnr_db, 6),
                          significant(layer.cumulative_sqnr_db, 6), std::to_string(layer.saturated),
                          std::to_string(layer.elements), layer.reason,
                          layer.channel ? std::to_string(*layer.channel) : "", layer.detail,
                          layer.trials.empty() ? "" : layer.trials.front().remedy,
                          layer.trials.empty() ? "" : significant(layer.trials.front().gain_db, 6)});
  }
  return table.csv();
}

void write_diagnosis(const std::filesystem::path& file, const engine::Diagnosis& diagnosis) {
  const std::string extension = file.extension().string();
  if (extension != ".json" && extension != ".csv")
    throw engine::UsageError("a report is written as .json or .csv", {.file = file.string()});
  engine::OutputFile out(file);
  out.write(extension == ".json" ? diagnosis_json(diagnosis) : diagnosis_csv(diagnosis));
  out.commit();
}

}  // namespace refcalib::app
