#include "apps/refcalib/calibrate_report.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apps/refcalib/agreement.h"
#include "apps/refcalib/bench_statistics.h"
#include "apps/refcalib/layer_rows.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/text.h"
#include "engine/calibration/convergence.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::app {
namespace {

constexpr std::size_t kAgreementSamples = 100;
constexpr double kAgreementSeconds = 30;
constexpr Limit kLatencyLimit{.iterations = 10, .seconds = 2};

std::string decibels(double value) {
  return fixed(value, 1) + " dB";
}

/// How many runs of both networks fit into the time for the comparison, judged by one run of the slower one.
std::size_t affordable_runs(engine::Session& reference, const engine::Dataset& dataset) {
  const Stopwatch watch;
  reference.run();
  const auto runs = static_cast<std::size_t>(kAgreementSeconds / 2 / std::max(1e-6, watch.seconds()));
  const std::size_t wanted = (kAgreementSamples + dataset.batch() - 1) / dataset.batch();
  return std::clamp<std::size_t>(runs, 1, wanted);
}

}  // namespace

CalibrationReport::CalibrationReport(Report& report, const engine::CalibrationResult& result,
                                     std::filesystem::path written, const ModelOptions& model)
    : report_(report),
      result_(result),
      written_(std::move(written)),
      threads_(model.threads),
      program_(engine::Program::compile(engine::load_model(written_, {}, input_shapes(model)).graph)) {}

void CalibrationReport::print(const std::string& how) const {
  report_.line("calibrated with " + how);
  const PrecisionCount count = count_precisions(*program_);
  report_.line("layers: " + std::to_string(count.int8) + " of " + std::to_string(count.heavy) +
               " with weights run in INT8, " + fixed(count.int8_macs_percent, 1) +
               " % of the multiplications");
  if (const auto& search = result_.percentiles)
    for (const auto& step : search->steps)
      report_.line("image-percentile " + fixed(step.percent, 1) + " %: SQNR of the samples held back " +
                   decibels(step.db) + (step.percent == search->percent ? ", taken" : ""));
  for (const engine::CorrectionReport& c : result_.corrections)
    report_.line("correction '" + c.name + "': " + (c.kept ? "kept" : "not kept") +
                 ", SQNR of the outputs of " + counted(c.held_back, "sample") + " held back from " +
                 decibels(c.before_db) + " to " + decibels(c.after_db));
  const std::string passes =
      result_.collect_passes > 1 ? " in " + std::to_string(result_.collect_passes) + " passes" : "";
  report_.line("observing " + duration(result_.collect_seconds) + passes + ", searching limits " +
               duration(result_.search_seconds) + ", peak memory " + megabytes(peak_memory()));
  print_trust();
  std::filesystem::path weights_file = written_;
  weights_file.replace_extension(".bin");
  const bool two_files = written_.extension() == ".xml";
  report_.line("written: " + written_.string() + (two_files ? ", " + weights_file.string() : ""));
}

void CalibrationReport::print_trust() const {
  if (result_.convergence) report_.line(engine::describe(*result_.convergence, result_.samples));
  if (result_.samples == 0) return;  // the limits were stated elsewhere
  if (result_.samples < engine::kFewSamples) {
    report_.warning("all limits hang on " + counted(result_.samples, "sample") +
                    "; a few dozen that show what the network will see are needed");
    return;
  }
  constexpr std::size_t named = 3;
  std::string names;
  std::size_t count = 0;
  for (const engine::ValueReport& value : result_.values) {
    if (!value.reached_by || *value.reached_by >= engine::kFewSamples) continue;
    if (++count <= named) names += (names.empty() ? "'" : ", '") + value.value + "'";
  }
  if (count > 0)
    report_.warning("the limits of " + counted(count, "value") + " hang on fewer than " +
                    std::to_string(engine::kFewSamples) + " samples (" + names +
                    (count > named ? ", …" : "") +
                    "); more samples, or a method that clips, would make them firmer");
}

void CalibrationReport::print_layers(bool print, const std::string& file) const {
  Table table;
  table.header = {"layer", "operation", "precision", "observed min", "observed max",
                  "low",   "high",      "method",    "why not INT8"};
  table.left = {1, 2, 7, 8};
  for (const engine::StepInfo& step : program_->steps()) {
    std::vector<std::string> row{step.name, step.op, step.precision, "", "", "", "", "", step.reason};
    for (const engine::ValueId id : step.outputs) {
      const std::string& name = program_->graph().value(id).name;
      const auto value = std::find_if(result_.values.begin(), result_.values.end(),
                                      [&](const engine::ValueReport& v) { return v.value == name; });
      if (value == result_.values.end()) continue;
      row[3] = significant(static_cast<double>(value->observed_min), 6);
      row[4] = significant(static_cast<double>(value->observed_max), 6);
      row[5] = significant(static_cast<double>(value->range.low), 6);
      row[6] = significant(static_cast<double>(value->range.high), 6);
      row[7] = value->method;
    }
    table.rows.push_back(std::move(row));
  }
  if (print) report_.block(table.text());
  if (file.empty()) return;
  engine::OutputFile out(file);
  out.write(table.csv());
  out.commit();
}

void CalibrationReport::print_measurements(const engine::Model& original, engine::Dataset& dataset) const {
  engine::CompileOptions in_float = engine::default_options();
  in_float.int8 = false;
  engine::Session reference(engine::Program::compile(original.graph, in_float), threads_);
  engine::Session quantized(program_, threads_);

  const std::size_t runs = affordable_runs(reference, dataset);
  const Agreement agreement = measure_agreement(reference, quantized, dataset, runs);
  for (const OutputAgreement& output : agreement.outputs)
    report_.line("INT8 against FP32, output '" + output.name + "': cosine " + fixed(output.cosine, 5) +
                 ", SQNR " + decibels(output.sqnr_db) + ", largest error " +
                 significant(output.max_error, 3));
  report_.block(agreement.detections);
  if (agreement.top1_percent)
    report_.line("INT8 against FP32, same best class: " + fixed(*agreement.top1_percent, 2) + " % of " +
                 counted(agreement.samples, "sample"));

  const std::array<engine::Session*, 2> sessions{&reference, &quantized};
  const auto times = measure_interleaved(sessions, 2, kLatencyLimit);
  const Statistics slow = summarize(times[0]), fast = summarize(times[1]);
  const Statistics ratio = summarize(pairwise_ratios(times[0], times[1]));
  report_.line("latency (" + counted(static_cast<std::size_t>(quantized.threads()), "thread") +
               ", median of " + std::to_string(slow.count) + "): FP32 " + fixed(slow.median * 1e3, 3) +
               " ms, INT8 " + fixed(fast.median * 1e3, 3) + " ms, speed-up " + fixed(ratio.median, 2) +
               " (p10 " + fixed(ratio.p10, 2) + ", p90 " + fixed(ratio.p90, 2) + ")");
}

}  // namespace refcalib::app
