#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/calibration/samples.h"
#include "engine/evaluation/evaluate.h"

namespace refcalib::engine {

/// The samples of a configuration's dataset, preprocessed as it says, for calibration. Of a volume that goes through the network slice by
/// slice the middle slice is shown.
class ConfiguredSamples {
 public:
  /// `config` and `annotations` must outlive it. `count`: so many of the samples, evenly; 0: all. Throws as Pipeline and InputFeeder.
  ConfiguredSamples(std::span<const PortInfo> inputs, const EvaluationConfig& config,
                    const AnnotationSet& annotations, std::size_t count, PreparedSamples* prepared);

  /// Must not outlive this. May be used by several threads at once.
  SampleSource source();
  std::size_t samples() const noexcept { return chosen_.size(); }
  /// Samples that could not be read, each once, in order, with the reason. Not while the source is used.
  const std::vector<std::pair<std::size_t, std::string>>& skipped() const noexcept { return skipped_; }
  /// What is done to the data, in words: statistics of other words do not fit together.
  std::string preparation() const;

 private:
  std::vector<bool> fill(Session& session, std::size_t run);
  void skip(std::size_t sample, const std::string& reason);

  std::vector<PortInfo> inputs_;
  const EvaluationConfig& config_;
  const AnnotationSet& annotations_;
  InputFeeder feeder_;
  Pipeline pipeline_;
  PreparedSamples* prepared_;
  std::vector<std::size_t> chosen_;
  std::mutex mutex_;
  std::vector<std::pair<std::size_t, std::string>> skipped_;
};

}  // namespace refcalib::engine
