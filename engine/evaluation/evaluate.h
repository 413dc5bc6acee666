#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/evaluation/pipeline.h"

namespace refcalib::engine {

struct EvaluateOptions {
  int threads = 0;  ///< sessions of one thread each; 0: one for each usable core
  std::function<void(std::size_t done, std::size_t all)> progress;  ///< called by one thread at a time
  std::function<bool()> stop;                                       ///< true: end early
};

/// A prediction and what it takes to postprocess it.
struct StoredPrediction {
  Prediction prediction;
  SampleGeometry geometry;
};

/// What an evaluation found.
struct Evaluation {
  std::vector<std::unique_ptr<Metric>> metrics;
  std::size_t samples = 0;                                   ///< of the dataset
  std::vector<std::pair<std::size_t, std::string>> failed;   ///< samples that count nothing, with the reason
  std::vector<std::optional<StoredPrediction>> predictions;  ///< raw, if they were asked for
  double seconds = 0;
  bool stopped = false;

  /// Weights of one for every sample.
  std::vector<std::uint32_t> all() const { return std::vector<std::uint32_t>(samples, 1); }
};

/// Runs a network on the samples of a dataset. Results do not depend on the number of threads. A sample whose
/// data cannot be read is left out and named. Throws UsageError for what concerns all samples: outputs or
/// kinds of annotations that do not fit.
Evaluation evaluate(const std::shared_ptr<const Program>& program, const EvaluationConfig& config,
                    const AnnotationSet& annotations, const EvaluateOptions& options, bool keep_predictions);

/// The same from predictions of an earlier run. Throws UsageError if they are of another number of samples.
Evaluation evaluate_stored(std::vector<std::optional<StoredPrediction>> predictions,
                           const EvaluationConfig& config, const AnnotationSet& annotations,
                           const PreprocessContext& context);

/// How two models differ on one metric.
struct PairedDifference {
  double difference = 0;     ///< value of the second minus value of the first
  double low = 0, high = 0;  ///< 95 % interval
  std::size_t
      better = 0,
      worse =
          0;  ///< samples that the second has right alone, and the first alone; 0 if a sample is not right or wrong
};

/// Paired: over the samples that both have. For a metric that says right or wrong of each sample the interval
/// of Agresti and Min (2005: half a sample added to each cell), else the percentiles of 1000 bootstrap samples
/// drawn by a fixed seed.
PairedDifference paired_difference(const Metric& first, const Metric& second, std::size_t samples);

/// Half the width of the 95 % interval of one metric by the same bootstrap.
std::pair<double, double> bootstrap_interval(const Metric& metric, std::size_t samples);

}  // namespace refcalib::engine
