#include "apps/refcalib/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "apps/refcalib/shape_option.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/formats/model_formats.h"

namespace refcalib::app {

CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) {
        std::int64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        const bool fine = !text.empty() && error == std::errc() && stop == end && value >= 0;
        return fine ? std::string() : "'" + text + "' is no whole number from 0 on";
      },
      "");
}

CLI::Validator non_negative_number() {
  return CLI::Validator(
      [](std::string& text) {
        double value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, value);
        const bool fine = error == std::errc() && stop == end && std::isfinite(value) && value >= 0;
        return fine ? std::string() : "'" + text + "' is no number from 0 on";
      },
      "");
}

engine::CompileOptions ModelOptions::compile_options() const {
  engine::CompileOptions options = engine::default_options();
  options.int8 = !float_only;
  options.exact = exact;
  return options;
}

void declare_machine(CLI::App& app, ModelOptions& options) {
  app.add_option("--nthreads,--threads", options.threads, "Threads; 0: all cores")
      ->check(CLI::Range(0, 1024));
  app.add_option("-d,--device", options.device, "Only CPU");
}

void declare_model(CLI::App& app, ModelOptions& options) {
  app.add_option(
         "-m,--model", options.model,
         "Network: MODEL.xml of an Intermediate Representation, MODEL.onnx, or MODEL.prototxt of Caffe")
      ->required();
  app.add_option("-w,--weights-file", options.weights,
                 "Its weights; default: the .bin beside the .xml, the .caffemodel beside the .prototxt");
  app.add_flag("--fp32", options.float_only, "Run in FP32 even if the model is quantized");
  declare_exact(app, options);
  declare_shapes(app, options);
  declare_machine(app, options);
}

void declare_exact(CLI::App& app, ModelOptions& options) {
  app.add_flag("--exact", options.exact,
               "FP32 convolutions sum directly; default: 3x3 ones may take Winograd's algorithm, which "
               "rounds otherwise");
}

void declare_shapes(CLI::App& app, ModelOptions& options, const std::string& batch_names) {
  app.add_option(batch_names, options.batch, "Samples per run; default: what the model states")
      ->check(whole_number());
  app.add_option("--shape", options.shape,
                 "Input shapes other than the model's: [1,3,224,224] or name[1,3,224,224],…");
}

engine::ir::InputShapes input_shapes(const ModelOptions& options) {
  engine::ir::InputShapes shapes;
  shapes.shapes = parse_shapes(options.shape);
  if (options.batch != 0) shapes.batch = static_cast<std::int64_t>(options.batch);
  return shapes;
}

void check_device(const std::string& device) {
  std::string upper = device;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (upper != "CPU")
    throw engine::UsageError("device '" + device + "' is not supported; the only device is CPU");
}

engine::Model load(const ModelOptions& options) {
  check_device(options.device);
  return engine::load_model(options.model, options.weights, input_shapes(options));
}

engine::DatasetOptions InputOptions::subsets() const {
  engine::DatasetOptions options;
  options.subset = subset;
  options.subset_percent = subset_percent;
  options.subset_seed = subset_seed;
  return options;
}

engine::DatasetOptions InputOptions::dataset(std::size_t random_samples) const {
  engine::DatasetOptions options = subsets();
  options.inputs = inputs;
  options.random_seed = seed;
  options.random_samples = random_samples;
  options.preprocessing = engine::parse_preprocessing(preprocessing);
  return options;
}

void declare_inputs(CLI::App& app, InputOptions& options, const std::string& name) {
  const std::string group = "Input data";
  app.add_option(
         name, options.inputs,
         "Image, folder of images, list file (lines `path` or `path label`), .npy whose first axis counts "
         "samples, folder of .npy, database of LMDB with Caffe's records; NAME=PATH for one input of several")
      ->group(group);
  app.add_option("--random", options.seed, "Feed uniform random numbers in [-1,1) made from this seed")
      ->check(whole_number())
      ->group(group);
  app.add_option("--subset", options.subset, "Use the first N samples only; 0: all [also -ss]")
      ->check(whole_number())
      ->group(group);
  CLI::Option* const percent = app.add_option("--subset-percent", options.subset_percent,
                                              "Use the first P percent of the samples only")
                                   ->check(CLI::Range(0.0, 100.0))
                                   ->group(group);
  percent->excludes("--subset");
  app.add_option(
         "--seed", options.subset_seed,
         "Draw the samples of --subset and --subset-percent at random, by this seed, instead of the first")
      ->check(whole_number())
      ->group(group);
  app.add_option("--mean", options.preprocessing.mean, "Subtracted from pixels: a, or a,b,c in the order fed")
      ->group(group);
  app.add_option("--scale", options.preprocessing.scale,
                 "Pixels are divided by it afterwards: a, or a,b,c; value = (pixel - mean) / scale")
      ->group(group);
  app.add_option("--color", options.preprocessing.color,
                 "Channel order fed: bgr (default), rgb, gray (default for one channel)")
      ->group(group);
  app.add_option("--resize", options.preprocessing.resize,
                 "stretch (default) | short:N, shorter side to N | long:N, longer side to N, then padded")
      ->group(group);
  app.add_option("--crop", options.preprocessing.crop, "none (default) | center, to the network's size")
      ->group(group);
}

void report_inputs(Report& report, const engine::Dataset& dataset, const InputOptions& options) {
  for (const std::string& line : dataset.describe()) report.line(line);
  if (dataset.ignored_files() > 0)
    report.note(counted(dataset.ignored_files(), "file") + " of the folder left out: neither image nor .npy");
  if (options.preprocessing.any() && !dataset.feeds_images())
    report.note("preprocessing options apply to images; numbers are fed as they are");
}

void report_skipped(Report& report, const engine::Dataset& dataset) {
  const auto skipped = dataset.skipped();
  if (skipped.empty()) return;
  if (skipped.size() == dataset.samples())
    throw engine::FormatError("none of the " + counted(dataset.samples(), "sample") +
                              " could be read; the first: " + skipped.front().second);
  for (const auto& [sample, reason] : skipped) report.warning("skipped " + reason);
  report.warning(std::to_string(skipped.size()) + " of " + counted(dataset.samples(), "sample") + " skipped");
}

CLI::Option* declare_switch(CLI::App& app, const std::string& names, bool& value, const std::string& text) {
  return app
      .add_option_function<std::string>(
          names,
          [&value](const std::string& given) {
            std::string word = given;
            for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            value = word != "false" && word != "no" && word != "0";
          },
          text)
      ->check(CLI::IsMember({"", "true", "false", "yes", "no", "1", "0"}, CLI::ignore_case))
      ->expected(0, 1);
}

IgnoredOptions IgnoredOptions::of_2019(std::vector<Option> more) {
  std::vector<Option> all{{"-e,--extensions", "all layers are built in"},
                          {"--cpu-extensions-mode", "the instruction set is chosen by REFCALIB_ISA"},
                          {"-M,--model-optimizer", "no model is converted"},
                          {"--tf-custom-op-config-dir", "no model is converted"},
                          {"--tf-obj-detection-api-pipeline-config-path", "no model is converted"}};
  all.insert(all.end(), more.begin(), more.end());
  return IgnoredOptions(std::move(all));
}

void IgnoredOptions::declare(CLI::App& app) {
  for (const Option& option : options_) {
    const std::string text = "Accepted, without effect: " + option.why;
    CLI::Option* const declared = app.add_option(option.names, text);
    if (!option.takes_value) declared->expected(0, 1);
    declared_.push_back(declared->group("Accepted for compatibility"));
  }
}

void IgnoredOptions::report(Report& report) const {
  for (std::size_t i = 0; i < declared_.size(); ++i)
    if (declared_[i]->count() > 0) report.note(declared_[i]->get_name() + " is ignored: " + options_[i].why);
}

std::vector<engine::PortInfo> input_ports(const engine::Graph& graph) {
  std::vector<engine::PortInfo> ports;
  for (const engine::ValueId id : graph.inputs) {
    const engine::Value& value = graph.value(id);
    ports.push_back({value.name, value.shape, value.dtype});
  }
  return ports;
}

std::string format_text(const engine::Model& model) {
  const engine::ModelFormat& format = engine::model_format(model.document.xml_path);
  return format.shaped ? std::string(format.title) : "IR version " + std::to_string(model.document.version);
}

std::string model_stem(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const std::string_view extension : {".xml", ".onnx", ".prototxt", ".caffemodel"})
    if (name.ends_with(extension)) {
      name.resize(name.size() - extension.size());
      break;
    }
  return name;
}

}  // namespace refcalib::app
