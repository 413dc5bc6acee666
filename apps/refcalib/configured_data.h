#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "apps/refcalib/config_options.h"
#include "engine/evaluation/dataset.h"
#include "engine/evaluation/prepared_samples.h"

namespace refcalib::app {

/// The options of a configuration beside those of a command that also works without one: there -m names a model, -s data and -d the
/// device.
struct ConfigArguments {
  bool label_free = false;
  std::string config, definitions, annotations, converted;
  std::vector<std::string> tags;

  bool given() const noexcept { return !config.empty(); }
  /// With what -m, -s and -d say: a folder or a model file, a folder, a file of definitions or a device. Throws UsageError.
  ConfigOptions options(const ModelOptions& model, const InputOptions& input,
                        const std::string& device) const;
};

/// True if `device` names a file: -d is the definitions in one tool of 2019 and the device in its siblings.
bool names_definitions(const std::string& device);

void declare_config_arguments(CLI::App& app, ConfigArguments& arguments, const std::string& group);

/// The one evaluation of a configuration, as calibration needs it.
class ConfiguredData {
 public:
  /// `model`: options that go before what the configuration says: a model file, weights, a batch. `memory`: bytes for prepared samples.
  /// Throws UsageError if the configuration has several models, launchers or datasets.
  ConfiguredData(const ConfigOptions& options, const ModelOptions& model, Report& report,
                 std::size_t memory = kMemory);

  const engine::EvaluationConfig& config() const noexcept { return config_; }
  const engine::AnnotationSet& annotations() const noexcept { return annotations_; }
  engine::PreparedSamples& prepared() noexcept { return prepared_; }
  /// Puts the configured model, weights and batch into the options.
  void name_model(ModelOptions& options) const;
  /// The data for a network, of `subsets` those options that choose a part. Must not outlive this.
  engine::Dataset dataset(const engine::Graph& graph, const engine::DatasetOptions& subsets);

 private:
  static constexpr std::size_t kMemory = 500'000'000;

  engine::EvaluationConfig config_;
  engine::AnnotationSet annotations_;
  engine::PreparedSamples prepared_;
};

}  // namespace refcalib::app
