#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "apps/refcalib/bench_statistics.h"
#include "apps/refcalib/layer_rows.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/report.h"
#include "engine/kernels/peak/peak.h"
#include "engine/runtime/program.h"

namespace refcalib::app {

/// How much is said about single layers.
enum class Counters { none, average, detailed };

/// One line of the layer table.
struct LayerTime {
  const engine::StepInfo* step = nullptr;
  double median = 0, min = 0, max = 0;  ///< seconds
  double gops = 0;                      ///< 2 x multiply-accumulates per second / 1e9
  double peak_percent = 0;              ///< of the machine's measured peak in the layer's precision
};

/// Everything that `bench` found out about one model.
struct BenchResult {
  std::string model;
  std::string api = "sync";
  Statistics latency;  ///< milliseconds
  double fps = 0;
  double load_ms = 0;
  std::int64_t peak_bytes = 0;  ///< largest resident memory of the process
  int threads = 0;
  std::size_t streams = 1, batch = 1;
  std::string isa;
  PrecisionCount precision;
  engine::kernels::PeakRates peak;
  double gops = 0, peak_percent = 0;  ///< of the whole model, from the median latency
  std::vector<LayerTime> layers;      ///< in the order they run
};

/// A second model that took turns with the first.
struct VersusResult {
  BenchResult other;
  Statistics ratio;  ///< time of the other / time of the first, pair by pair
};

/// Layer times with rates; `peak` in the precision of each.
std::vector<LayerTime> layer_times(const engine::Program& program, const StepTimes& times,
                                   const engine::kernels::PeakRates& peak);

/// The peak that a model is measured against: that of INT8 if any layer runs in it.
double peak_gops(const engine::kernels::PeakRates& peak, bool int8);

void print_bench(Report& report, const BenchResult& result, Counters counters);
void print_versus(Report& report, const BenchResult& first, const VersusResult& versus);

/// The result as JSON with the keys median_ms min_ms mean_ms std_ms p90_ms p99_ms fps load_ms peak_mb threads
/// isa precision layers[] and some more.
std::string bench_json(const BenchResult& result, const std::optional<VersusResult>& versus,
                       Counters counters);
/// The same as CSV: lines `key,value`, an empty line, and the layer table.
std::string bench_csv(const BenchResult& result, const std::optional<VersusResult>& versus,
                      Counters counters);
/// Writes JSON if the file's name ends in .json, CSV for .csv. Throws UsageError for others, IoError.
void write_bench_report(const std::filesystem::path& file, const BenchResult& result,
                        const std::optional<VersusResult>& versus, Counters counters);

}  // namespace refcalib::app
