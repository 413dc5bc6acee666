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
#include "engine/evaluation/prepared_samples.h"

namespace refcalib::engine {

struct EvaluateOptions {
  int threads = 0;  ///< sessions of one thread each; 0: one for each usable core
  std::function<void(std::size_t done, std::size_t all)> progress;  ///< called by one thread at a time
  std::function<bool()> stop;                                       ///< true: end early
  PreparedSamples* prepared = nullptr;  ///< samples kept from run to run; nullptr: none are
  /// Sees the outputs of every sample: row `row` of a run. Called by several threads at once.
  std::function<void(std::size_t sample, const NetworkRun& run, std::size_t row)> outputs{};
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

/// Gives the metrics of a configuration what a network says about samples. Different samples may be judged by several threads at once.
class SampleJudge {
 public:
  SampleJudge(const EvaluationConfig& config, const AnnotationSet& annotations,
              const PreprocessContext& context);

  const Pipeline& pipeline() const noexcept { return pipeline_; }
  const AnnotationSet& annotations() const noexcept { return annotations_; }
  /// Throws UsageError for what concerns all samples, another Error if the truth of this one cannot be read.
  void add(std::size_t sample, Prediction prediction, const SampleGeometry& geometry) const;
  /// A metric over the samples that were judged so far, sample i counted weights[i] times. Not while others are judged.
  double value(std::size_t metric, std::span<const std::uint32_t> weights) const;
  std::vector<std::unique_ptr<Metric>> take_metrics();

 private:
  const AnnotationSet& annotations_;
  Pipeline pipeline_;
};

/// An evaluation in parts: of samples at first, of others later.
class Evaluator {
 public:
  /// `config` and `annotations` must outlive it.
  Evaluator(std::shared_ptr<const Program> program, const EvaluationConfig& config,
            const AnnotationSet& annotations, bool keep_predictions = false);
  ~Evaluator();

  /// Runs these samples, none of which was run before. False if the options stopped it. Throws as evaluate().
  bool run(std::span<const std::size_t> samples, const EvaluateOptions& options);
  double value(std::size_t metric, std::span<const std::uint32_t> weights) const;
  const Metric& metric(std::size_t index) const;
  /// What was found; nothing can be run afterwards.
  Evaluation finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// True if the samples are volumes that go through the network slice by slice.
bool by_slices(const std::vector<Frame>& frames, std::span<const PortInfo> inputs);

/// The outputs of a session after a run, as adapters see them.
std::vector<NetworkOutput> outputs_of(const Session& session);

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
