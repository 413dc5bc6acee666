#include "apps/refcalib/write_calibrated.h"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <system_error>

#include "engine/calibration/observe_values.h"
#include "engine/core/error.h"
#include "engine/formats/model_formats.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

/// True for a file name of a format that can be written; an extension of a format that this build leaves out is an error.
bool names_model(const fs::path& path) {
  const engine::ModelFormat& format = engine::model_format(path);
  return path.extension() == format.extension;
}

}  // namespace

fs::path prepare_output(const std::string& model_path, const std::string& output, const std::string& suffix) {
  const fs::path model(model_path), given(output);
  const bool is_file = names_model(given) && !fs::is_directory(given);
  const std::string extension(engine::model_format(model).extension);
  const fs::path file = is_file ? given
                                : (output.empty() ? model.parent_path() : given) /
                                      (model_stem(model_path) + suffix + extension);
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  std::error_code error;
  fs::create_directories(folder, error);
  if (error && !fs::is_directory(folder))
    throw engine::IoError("cannot make the output folder: " + error.message(), {.file = folder.string()});
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw engine::IoError("cannot write into the output folder", {.file = folder.string()});
  std::error_code ignored;
  if (fs::equivalent(file, model, ignored))
    throw engine::UsageError("the output would replace the model itself; name another with -o",
                             {.file = file.string()});
  return file;
}

std::vector<std::string> values_without_range(const engine::Model& model, const ModelOptions& options,
                                              const engine::ir::Annotation& annotation,
                                              const fs::path& output) {
  const engine::ModelFormat& format = engine::model_format(output);
  if (format.values_without_range == nullptr) return {};
  return format.values_without_range(model, input_shapes(options), annotation);
}

void write_calibrated(const engine::Model& model, const ModelOptions& options,
                      const engine::ir::Annotation& annotation, bool float_weights, const fs::path& output) {
  engine::model_format(output).write(model, input_shapes(options), annotation, float_weights, output);
}

void write_observed(const engine::Model& model, const ModelOptions& model_options,
                    engine::ir::Annotation annotation, const engine::CalibrationOptions& options,
                    const engine::SampleSource* samples, bool float_weights, const fs::path& output) {
  const std::vector<std::string> values = values_without_range(model, model_options, annotation, output);
  if (!values.empty() && samples == nullptr)
    throw engine::UsageError("this format needs ranges of values that the statistics do not have",
                             {output.string(), {}, "name images with -s"});
  if (!values.empty())
    std::ranges::copy(engine::observe_values(model.graph, values, samples->runs, samples->fill, options),
                      std::back_inserter(annotation.activations));
  write_calibrated(model, model_options, annotation, float_weights, output);
}

}  // namespace refcalib::app
