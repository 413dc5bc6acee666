#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <refcalib/statistics.hpp>
#include <string>
#include <vector>

#include "engine/calibration/convergence.h"
#include "engine/calibration/options.h"
#include "engine/calibration/percentile_search.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/samples.h"
#include "engine/formats/ir/ir.h"

namespace refcalib::engine {

/// What calibration saw and chose for one value.
struct ValueReport {
  std::string value;
  float observed_min = 0, observed_max = 0;
  QuantizationRange range;
  std::uint64_t nan_count = 0, inf_count = 0;
  /// How many samples reach into the outermost quarter of the range (samples_that_reach), of this value or one that shares it; absent
  /// if the statistics keep no records.
  std::optional<std::size_t> reached_by;
  std::string method;                           ///< by which the range was chosen
  std::size_t channel_axis = 1;                 ///< the dimension that counts channels
  std::vector<float> channel_min, channel_max;  ///< extremes of each channel
  std::vector<float> channel_deviation;         ///< standard deviation of each channel
};

/// Limits that fewer samples than this reach are worth a warning.
inline constexpr std::size_t kFewSamples = 3;

/// A correction that was tried on held-back samples: mean SQNR of the network's outputs over them, in dB, without and with it.
struct CorrectionReport {
  std::string name;
  double before_db = 0, after_db = 0;
  std::size_t held_back = 0;  ///< samples; 0: there were too few to prove anything
  bool kept = false;
};

/// What a calibration came to.
struct CalibrationResult {
  ir::Annotation annotation;
  std::vector<ValueReport> values;
  std::uint64_t samples = 0;
  std::vector<CorrectionReport> corrections;    ///< of calibrate_and_correct
  std::optional<PercentileSearch> percentiles;  ///< of calibrate_and_correct
  std::vector<std::string> left_out;       ///< corrections that need data, where there are only statistics
  std::optional<Convergence> convergence;  ///< absent if the statistics keep no records
  double collect_seconds = 0, search_seconds = 0;
  std::size_t collect_passes = 1;  ///< how often the samples were run to observe all values
};

/// Decides limits from statistics, then runs the corrections. A pure function of its arguments: the same bits for any number of
/// threads. `samples`: for corrections that run the network; nullptr: those are left out.
/// Throws UsageError for options with unknown values; FormatError if statistics lack a value.
CalibrationResult decide(const Graph& original, const CalibrationPlan& plan, const Statistics& statistics,
                         const CalibrationOptions& options, const SampleSource* samples = nullptr);

/// Throws FormatError naming the first of the values to be quantized that was not finite. `sample`: the first one that led to it;
/// empty if not known.
void check_finite(const CalibrationPlan& plan, const Statistics& statistics, const std::string& sample);

}  // namespace refcalib::engine
