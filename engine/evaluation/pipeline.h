#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/evaluation/adapters/adapter.h"
#include "engine/evaluation/annotation/annotation_file.h"
#include "engine/evaluation/configuration/evaluation_config.h"
#include "engine/evaluation/metrics/metric.h"
#include "engine/evaluation/postprocessing/postprocessor.h"
#include "engine/evaluation/preprocessing/preprocessor.h"
#include "engine/evaluation/readers/reader.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// The fields of one step as understood, with every default.
struct UnderstoodStep {
  std::string section;  ///< "preprocessing", "metrics" …
  std::vector<Fields::Entry> fields;
};

/// The labelled samples that a dataset names: its annotation file; if there is none yet, the conversion's
/// result, which is written there if the file name is given. A part of them if the dataset asks for one.
/// Throws IoError, FormatError; UnsupportedError for pickles, with the command that makes the JSON.
AnnotationSet load_annotations(const DatasetConfig& dataset, const PathPrefixes& prefixes);

/// The command that makes the JSON which a conversion describes; empty without one.
std::string conversion_command(const DatasetConfig& dataset);

/// Everything between a labelled sample and a metric but the network itself.
class Pipeline {
 public:
  /// Builds every step. Throws FormatError with the place in the configuration.
  Pipeline(const EvaluationConfig& config, const DatasetMeta& meta, const PreprocessContext& context);

  /// The data of a sample, preprocessed: one frame for each id.
  std::vector<Frame> prepare(const Annotation& sample) const;
  const Adapter& adapter() const noexcept { return *adapter_; }
  /// The truth of a sample with masks and pictures read.
  Truth truth(const Annotation& sample) const;
  void postprocess(Truth& truth, Prediction& prediction, const SampleGeometry& geometry) const;

  std::span<const std::unique_ptr<Metric>> metrics() const noexcept { return metrics_; }
  std::vector<std::unique_ptr<Metric>> take_metrics() { return std::move(metrics_); }
  const std::vector<UnderstoodStep>& understood() const noexcept { return understood_; }

 private:
  template <class F>
  auto build(const ConfigNode& node, const char* section, const char* what, const F& make);

  std::filesystem::path data_, masks_;
  DatasetMeta meta_;
  std::unique_ptr<Reader> reader_;
  std::vector<std::unique_ptr<Preprocessor>> preprocessing_;
  std::unique_ptr<Adapter> adapter_;
  std::vector<std::unique_ptr<Postprocessor>> postprocessing_;
  std::vector<std::unique_ptr<Metric>> metrics_;
  std::vector<UnderstoodStep> understood_;
};

/// Puts the frames of samples into the inputs of a network.
class InputFeeder {
 public:
  /// Throws UsageError for bindings that name no input, and for inputs that get nothing.
  InputFeeder(std::span<const PortInfo> inputs, const LauncherConfig& launcher);

  /// Rows of a run.
  std::size_t batch() const noexcept { return batch_; }
  /// Size of the only picture input, for auto_resize.
  PreprocessContext context() const noexcept;
  /// Fills row `row` of every input. Throws UsageError if a frame does not fit its input.
  void feed(Session& session, std::size_t row, const Annotation& sample, std::span<const Frame> frames) const;
  /// Fills one row of the input of number `input`; the other inputs get theirs in the same way. An input of constants has one row.
  void feed_row(std::size_t input, std::span<float> row, const Annotation& sample,
                std::span<const Frame> frames) const;
  /// Elements of a row of an input. Throws UsageError if the input cannot be divided into `batch()` rows.
  std::size_t row_size(std::size_t input, std::size_t elements) const;

 private:
  struct Target {
    InputBinding binding;
    std::size_t input = 0;
    Shape shape;
  };
  const Target& target(std::size_t input) const;
  static void feed_picture(const Target& target, const Frame& frame, std::span<float> row);

  std::vector<Target> targets_;
  std::vector<std::string> names_;
  std::size_t batch_ = 1;
};

}  // namespace refcalib::engine
