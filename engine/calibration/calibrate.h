#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/formats/ir/ir.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// The documented default threshold method.
std::string default_method();

/// How to calibrate.
struct CalibrationOptions {
  std::string method = default_method();  ///< a name of the toolkit's threshold table
  bool per_channel_weights = true;
  std::string activations = "asymmetric";  ///< asymmetric | symmetric
  bool correct_bias = true;                ///< see bias_correction.h
  bool equalize = false;                   ///< see equalize.h; kept where held-back samples gain
  bool full_bias_correction = false;       ///< see refine_layers.h; likewise
  bool refine_rounding = false;            ///< likewise
  std::vector<std::string> ignore_layers;  ///< names of layers that stay in float
  std::vector<std::string> ignore_types;   ///< operations that stay in float
  int threads = 0;
  /// Names sample `index` in messages; empty: "sample N", counted from 0.
  std::function<std::string(std::size_t index)> sample_name;
};

/// What calibration saw and chose for one value.
struct ValueReport {
  std::string value;
  float observed_min = 0, observed_max = 0;
  QuantizationRange range;
  std::uint64_t nan_count = 0, inf_count = 0;
};

/// A correction that was tried on held-back samples: mean SQNR of the network's outputs over them, in dB, without and with it.
struct CorrectionReport {
  std::string name;
  double before_db = 0, after_db = 0;
  std::size_t held_back = 0;  ///< samples; 0: there were too few to prove anything
  bool kept = false;
};

struct CalibrationResult {
  ir::Annotation annotation;
  std::vector<ValueReport> values;
  std::vector<CorrectionReport> corrections;  ///< of calibrate_and_correct
  std::uint64_t samples = 0;
  double collect_seconds = 0, search_seconds = 0;
};

/// Fills the session's inputs with sample `index`; returns false to skip the sample (for example an undecodable image).
using FillInputs = std::function<bool(Session& session, std::size_t index)>;
/// Progress: samples done of all. Returning false cancels (calibrate throws Cancelled).
using Progress = std::function<bool(std::size_t done, std::size_t all)>;

/// Thrown when the progress callback asks to stop.
class Cancelled : public Error {
  using Error::Error;
};

/// Runs `samples` samples through the float network, observes every value that INT8 execution would store in integers, and
/// chooses limits. Streams: memory does not grow with the number of samples. The result does not depend on the order of the samples,
/// the number of threads or the instruction set.
/// Throws UsageError if no sample could be used, nothing in the graph can be quantized or an option has an unknown value; FormatError
/// naming layer and first sample if a value is not finite; what `fill` throws.
CalibrationResult calibrate(const Graph& graph, std::size_t samples, const FillInputs& fill,
                            const CalibrationOptions& options, const Progress& progress = {});

}  // namespace refcalib::engine
