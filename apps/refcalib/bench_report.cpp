#include "apps/refcalib/bench_report.h"

#include <utility>

#include "apps/refcalib/json.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::app {
namespace {

std::string ms(double seconds) {
  return fixed(seconds * 1e3, 4);
}

Table layer_table(const BenchResult& result, Counters counters, bool all) {
  Table table;
  table.header = {"layer", "operation", "precision", "kernel", "ms", "MMAC", "GOP/s", "% of peak"};
  table.left = {1, 2, 3};
  if (counters == Counters::detailed) table.header.insert(table.header.end(), {"min ms", "max ms"});
  for (const LayerTime& layer : result.layers) {
    const engine::StepInfo& step = *layer.step;
    const bool heavy = step.macs > 0;
    if (!heavy && !all) continue;
    std::vector<std::string> row{step.name,
                                 step.op,
                                 step.precision,
                                 step.kernel,
                                 ms(layer.median),
                                 heavy ? fixed(static_cast<double>(step.macs) / 1e6, 3) : "",
                                 heavy ? fixed(layer.gops, 1) : "",
                                 heavy ? fixed(layer.peak_percent, 1) : ""};
    if (counters == Counters::detailed) {
      row.push_back(ms(layer.min));
      row.push_back(ms(layer.max));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::vector<std::pair<std::string, double>> latency_numbers(const BenchResult& r) {
  return {{"median_ms", r.latency.median},
          {"min_ms", r.latency.min},
          {"max_ms", r.latency.max},
          {"mean_ms", r.latency.mean},
          {"std_ms", r.latency.standard_deviation},
          {"p90_ms", r.latency.p90},
          {"p99_ms", r.latency.p99},
          {"fps", r.fps},
          {"load_ms", r.load_ms},
          {"peak_mb", static_cast<double>(r.peak_bytes) / 1e6}};
}

std::vector<std::pair<std::string, double>> rate_numbers(const BenchResult& r) {
  return {{"gops", r.gops},
          {"peak_percent", r.peak_percent},
          {"machine_f32_gflops", r.peak.f32_gflops},
          {"machine_int8_gops", r.peak.u8s8_gops}};
}

std::vector<std::pair<std::string, double>> ratio_numbers(const VersusResult& v) {
  return {{"ratio", v.ratio.median}, {"ratio_p10", v.ratio.p10}, {"ratio_p90", v.ratio.p90}};
}

JsonObject layer_json(const LayerTime& layer, Counters counters) {
  JsonObject object;
  object.add("name", layer.step->name)
      .add("operation", layer.step->op)
      .add("precision", layer.step->precision)
      .add("kernel", layer.step->kernel)
      .add("ms", layer.median * 1e3)
      .add("macs", layer.step->macs);
  if (layer.step->macs > 0) object.add("gops", layer.gops).add("peak_percent", layer.peak_percent);
  if (counters == Counters::detailed) object.add("min_ms", layer.min * 1e3).add("max_ms", layer.max * 1e3);
  return object;
}

JsonObject result_json(const BenchResult& r, Counters counters) {
  JsonObject object;
  object.add("model", r.model).add("api", r.api);
  for (const auto& [key, value] : latency_numbers(r)) object.add(key, value);
  object.add("iterations", r.latency.count)
      .add("outliers", r.latency.outliers)
      .add("threads", r.threads)
      .add("streams", r.streams)
      .add("batch", r.batch)
      .add("isa", r.isa)
      .add("precision", r.precision.name())
      .add("int8_layers", r.precision.int8)
      .add("heavy_layers", r.precision.heavy);
  for (const auto& [key, value] : rate_numbers(r)) object.add(key, value);
  std::vector<JsonObject> layers;
  if (counters != Counters::none)
    for (const LayerTime& layer : r.layers) layers.push_back(layer_json(layer, counters));
  object.add("layers", layers);
  return object;
}

}  // namespace

double peak_gops(const engine::kernels::PeakRates& peak, bool int8) {
  return int8 ? peak.u8s8_gops : peak.f32_gflops;
}

std::vector<LayerTime> layer_times(const engine::Program& program, const StepTimes& times,
                                   const engine::kernels::PeakRates& peak) {
  std::vector<LayerTime> layers;
  const auto steps = program.steps();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    LayerTime layer{&steps[i], times.median[i], times.min[i], times.max[i]};
    if (layer.median > 0) layer.gops = 2e-9 * static_cast<double>(steps[i].macs) / layer.median;
    const double limit = peak_gops(peak, is_int8(steps[i]));
    if (limit > 0) layer.peak_percent = 100.0 * layer.gops / limit;
    layers.push_back(layer);
  }
  return layers;
}

void print_bench(Report& report, const BenchResult& r, Counters counters) {
  report.line("model: " + r.model);
  report.line("load: " + fixed(r.load_ms, 1) + " ms; " +
              counted(static_cast<std::size_t>(r.threads), "thread") +
              (r.streams > 1 ? ", " + counted(r.streams, "stream") : "") + ", batch " +
              std::to_string(r.batch) + ", instruction set " + r.isa);
  report.line("precision: " + r.precision.name() + ", " + std::to_string(r.precision.int8) + " of " +
              std::to_string(r.precision.heavy) + " layers with weights in INT8, " +
              std::to_string(r.precision.heavy - r.precision.int8) + " in FP32");
  if (!r.layers.empty()) report.block(layer_table(r, counters, counters != Counters::none).text());
  report.line("machine: measured peak " + fixed(r.peak.f32_gflops, 0) + " GFLOP/s FP32, " +
              fixed(r.peak.u8s8_gops, 0) + " GOP/s INT8 (" + r.isa + ", " +
              counted(static_cast<std::size_t>(r.threads), "thread") + ")");
  report.line("whole model: " + fixed(r.gops, 1) + " GOP/s, " + fixed(r.peak_percent, 1) + " % of the " +
              r.precision.name() + " peak");
  report.line("latency of " + counted(r.latency.count, "run") + ": median " + fixed(r.latency.median, 3) +
              " ms, mean " + fixed(r.latency.mean, 3) + " ms, standard deviation " +
              fixed(r.latency.standard_deviation, 3) + " ms (without " +
              counted(r.latency.outliers, "outlier") + "), min " + fixed(r.latency.min, 3) + ", max " +
              fixed(r.latency.max, 3) + ", p90 " + fixed(r.latency.p90, 3) + ", p99 " +
              fixed(r.latency.p99, 3) + " ms");
  report.line("throughput: " + fixed(r.fps, 2) + " FPS");
  report.line("peak memory: " + megabytes(r.peak_bytes));
}

void print_versus(Report& report, const BenchResult& first, const VersusResult& v) {
  report.line("against: " + v.other.model + " (" + v.other.precision.name() + "), median " +
              fixed(v.other.latency.median, 3) + " ms, min " + fixed(v.other.latency.min, 3) + ", p90 " +
              fixed(v.other.latency.p90, 3) + " ms, " + fixed(v.other.fps, 2) + " FPS, " +
              fixed(v.other.peak_percent, 1) + " % of the " + v.other.precision.name() + " peak");
  report.line("ratio: " + first.model + " is " + fixed(v.ratio.median, 3) + " times as fast as " +
              v.other.model + " (p10 " + fixed(v.ratio.p10, 3) + ", p90 " + fixed(v.ratio.p90, 3) + ", " +
              counted(v.ratio.count, "pair") + " in turns)");
}

std::string bench_json(const BenchResult& result, const std::optional<VersusResult>& versus,
                       Counters counters) {
  JsonObject object = result_json(result, counters);
  if (versus) {
    JsonObject other = result_json(versus->other, counters);
    for (const auto& [key, value] : ratio_numbers(*versus)) other.add(key, value);
    object.add("vs", other);
  }
  return object.text() + "\n";
}

std::string bench_csv(const BenchResult& r, const std::optional<VersusResult>& versus, Counters counters) {
  Table summary;
  summary.header = {"key", "value"};
  summary.rows = {{"model", r.model}, {"api", r.api}};
  const auto add = [&](const std::vector<std::pair<std::string, double>>& numbers,
                       const std::string& prefix = {}) {
    for (const auto& [key, value] : numbers) summary.rows.push_back({prefix + key, significant(value, 9)});
  };
  add(latency_numbers(r));
  summary.rows.insert(summary.rows.end(), {{"iterations", std::to_string(r.latency.count)},
                                           {"threads", std::to_string(r.threads)},
                                           {"streams", std::to_string(r.streams)},
                                           {"batch", std::to_string(r.batch)},
                                           {"isa", r.isa},
                                           {"precision", r.precision.name()}});
  add(rate_numbers(r));
  if (versus) {
    summary.rows.push_back({"vs_model", versus->other.model});
    add(latency_numbers(versus->other), "vs_");
    add(ratio_numbers(*versus));
  }
  return summary.csv() + (counters == Counters::none ? "" : "\n" + layer_table(r, counters, true).csv());
}

void write_bench_report(const std::filesystem::path& file, const BenchResult& result,
                        const std::optional<VersusResult>& versus, Counters counters) {
  const std::string extension = file.extension().string();
  if (extension != ".json" && extension != ".csv")
    throw engine::UsageError("--report: the file's name must end in .json or .csv", {.file = file.string()});
  engine::OutputFile out(file);
  out.write(extension == ".json" ? bench_json(result, versus, counters)
                                 : bench_csv(result, versus, counters));
  out.commit();
}

}  // namespace refcalib::app
