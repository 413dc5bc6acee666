#include "apps/refcalib/stated_preprocessing.h"

#include <vector>

#include "engine/formats/ir/text.h"
#include "engine/formats/model_formats.h"

namespace refcalib::app {
namespace {

std::vector<engine::StatedPreprocessing> stated(const std::string& model) {
  const engine::ModelFormat& format = engine::model_format(model);
  return format.preprocessing == nullptr ? std::vector<engine::StatedPreprocessing>()
                                         : format.preprocessing(model);
}

/// Numbers as --mean takes them: "a,b,c".
std::string list(const std::vector<float>& values) {
  std::string text;
  for (const float value : values) text += (text.empty() ? "" : ",") + engine::ir::format_float(value);
  return text;
}

void report_one(Report& report, const std::string& model, const engine::StatedPreprocessing& one) {
  if (!one.origin.empty())
    report.line("preprocessing of '" + one.input + "' stated by " + model + " (" + one.origin + "): (x - " +
                (one.mean.empty() ? "0" : list(one.mean)) + ") * " + engine::ir::format_float(one.scale));
  if (!one.note.empty()) report.note("input '" + one.input + "': " + one.note);
}

}  // namespace

void report_stated_preprocessing(Report& report, const std::string& model) {
  for (const engine::StatedPreprocessing& one : stated(model)) report_one(report, model, one);
}

void take_stated_preprocessing(Report& report, const std::string& model, InputOptions& input) {
  const bool given = !input.preprocessing.mean.empty() || !input.preprocessing.scale.empty();
  for (const engine::StatedPreprocessing& one : stated(model)) {
    report_one(report, model, one);
    if (given) {
      if (!one.origin.empty()) report.note("--mean and --scale take its place");
      continue;
    }
    // Options hold for all image inputs; the first that states something decides.
    if (input.preprocessing.mean.empty()) input.preprocessing.mean = list(one.mean);
    if (input.preprocessing.scale.empty() && one.scale != 1)
      input.preprocessing.scale = engine::ir::format_float(1 / one.scale);
  }
}

engine::DatasetOptions dataset_options(Report& report, const std::string& model, InputOptions input,
                                       std::size_t random_samples) {
  if (!input.inputs.empty()) take_stated_preprocessing(report, model, input);
  return input.dataset(random_samples);
}

}  // namespace refcalib::app
