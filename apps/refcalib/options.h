#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/refcalib/argv_rewrite.h"
#include "apps/refcalib/report.h"
#include "engine/evaluation/dataset.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"

namespace refcalib::app {

/// Accepts decimal digits that fit into 63 bits: the parser itself takes "-1" for a huge number.
CLI::Validator whole_number();
/// Accepts finite numbers from 0 on: the parser's own range check lets NaN pass.
CLI::Validator non_negative_number();

/// Which model, and how it runs.
struct ModelOptions {
  std::string model, weights;
  std::string device = "CPU";
  int threads = 0;  ///< 0: all cores
  bool float_only = false;
  bool exact = false;     ///< no algorithm that rounds otherwise than a direct sum
  std::size_t batch = 0;  ///< 0: as the file states it
  std::string shape;      ///< as parse_shapes() takes it

  engine::CompileOptions compile_options() const;
};

void declare_model(CLI::App& app, ModelOptions& options);
/// -nthreads and -d, for subcommands that name their models in another way.
void declare_machine(CLI::App& app, ModelOptions& options);
/// --exact, which declare_model has.
void declare_exact(CLI::App& app, ModelOptions& options);
/// The options of other input shapes than the file states, which declare_model has.
void declare_shapes(CLI::App& app, ModelOptions& options, const std::string& batch_names = "-b,--batch");
/// Reads the model that the options name. Throws UsageError for a device other than CPU; as load_model.
engine::Model load(const ModelOptions& options);
/// The input shapes that -b and --shape ask for. Throws UsageError.
engine::ir::InputShapes input_shapes(const ModelOptions& options);
void check_device(const std::string& device);

/// What the network is fed with.
struct InputOptions {
  std::vector<std::string> inputs;
  std::optional<std::uint64_t> seed;
  std::size_t subset = 0;
  double subset_percent = 0;  ///< 0: all
  std::optional<std::uint64_t> subset_seed;
  engine::PreprocessingText preprocessing;

  bool given() const noexcept { return !inputs.empty() || seed.has_value(); }
  /// Throws UsageError for preprocessing that cannot be parsed.
  engine::DatasetOptions dataset(std::size_t random_samples) const;
  /// Only what chooses a part of the samples.
  engine::DatasetOptions subsets() const;
};

/// `name`: the declaration of the option for paths, for example "-i,--input".
void declare_inputs(CLI::App& app, InputOptions& options, const std::string& name);
/// Aliases of the options above.
inline constexpr Alias kSubsetAlias{"-ss", "--subset"};

/// Prints what is fed and how: files that are no samples, preprocessing of every input.
void report_inputs(Report& report, const engine::Dataset& dataset, const InputOptions& options);
/// Names the samples that could not be read. Throws FormatError if that is all of them.
void report_skipped(Report& report, const engine::Dataset& dataset);

/// An option that may stand alone, or with true, false, yes or no behind it, as switches of the 2019 tools do.
CLI::Option* declare_switch(CLI::App& app, const std::string& names, bool& value, const std::string& text);

/// Options of the 2019 tools that are accepted and have no effect here.
class IgnoredOptions {
 public:
  struct Option {
    std::string names;        ///< as declared: "-e,--extensions"
    std::string why;          ///< completes "NAME is ignored: …"
    bool takes_value = true;  ///< false: one may follow all the same
  };
  explicit IgnoredOptions(std::vector<Option> options) : options_(std::move(options)) {}
  /// Those that the 2019 tools have in common, and some more.
  static IgnoredOptions of_2019(std::vector<Option> more = {});

  void declare(CLI::App& app);
  /// One note for each that was given.
  void report(Report& report) const;

 private:
  std::vector<Option> options_;
  std::vector<const CLI::Option*> declared_;
};

/// Shape and element type of the network's inputs.
std::vector<engine::PortInfo> input_ports(const engine::Graph& graph);

/// What a model was read from: "IR version 7", "ONNX".
std::string format_text(const engine::Model& model);

/// The file name without folder and without the extension of a model format: names of networks contain dots.
std::string model_stem(const std::string& path);

}  // namespace refcalib::app
