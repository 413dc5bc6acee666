#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <vector>

#include "apps/refcalib/agreement.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/detection_report.h"
#include "apps/refcalib/measure.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/output_name.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"
#include "engine/evaluation/labels.h"
#include "engine/evaluation/npy.h"
#include "engine/evaluation/topk.h"

namespace refcalib::app {
namespace {

namespace fs = std::filesystem;

struct Options {
  ModelOptions model;
  InputOptions input;
  std::string out, labels;
  std::size_t top = 5;
  double threshold = 0.5;
  bool verbose = false;
};

void declare(CLI::App& app, Options& o) {
  declare_model(app, o.model);
  declare_inputs(app, o.input, "-i,--input");
  app.add_option("--out", o.out,
                 "Write every output into this folder as <name>.npy (float32, first axis: samples)");
  app.add_option("--labels", o.labels,
                 "True classes: lines `file index`, or `index` for sample n; prints top-1, top-5");
  app.add_option("--top,--nt", o.top, "Best classes to print for each sample")
      ->check(whole_number())
      ->capture_default_str();
  app.add_option("--threshold", o.threshold, "Lowest score of the boxes to print, for networks that detect")
      ->check(non_negative_number())
      ->capture_default_str();
  app.add_flag("-v,--verbose", o.verbose, "Print every sample even with --labels");
}

/// One .npy for every output, written while the samples run.
class OutputFiles {
 public:
  OutputFiles(const fs::path& folder, std::span<const engine::PortInfo> outputs) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error && !fs::is_directory(folder))
      throw engine::IoError("cannot make the output folder: " + error.message(), {.file = folder.string()});
    std::set<std::string> taken;
    for (const engine::PortInfo& port : outputs) {
      const bool scalar = port.shape.empty();
      engine::Shape rest(port.shape.begin() + (scalar ? 0 : 1), port.shape.end());
      files_.emplace_back(folder / (file_name_of_output(port.name, taken) + ".npy"), std::move(rest));
      first_axis_.push_back(scalar ? 1 : static_cast<std::size_t>(port.shape.front()));
    }
  }

  /// Appends the rows of one run that hold samples; an output whose first axis is not the batch is written
  /// whole.
  void append(const engine::Session& session, std::span<const std::optional<std::size_t>> rows) {
    for (std::size_t i = 0; i < files_.size(); ++i) {
      const auto values = session.output(i);
      if (first_axis_[i] != rows.size()) {
        files_[i].append(values);
        continue;
      }
      const std::size_t size = values.size() / rows.size();
      for (std::size_t row = 0; row < rows.size(); ++row)
        if (rows[row]) files_[i].append(values.subspan(row * size, size));
    }
  }

  void commit() {
    for (engine::NpyWriter& file : files_) file.commit();
  }

 private:
  std::vector<engine::NpyWriter> files_;
  std::vector<std::size_t> first_axis_;
};

/// The label of a sample: from --labels, else from the list file that named it.
std::optional<std::size_t> label_of(const std::optional<engine::Labels>& labels,
                                    const engine::Dataset& dataset, std::size_t sample) {
  return labels ? labels->find(dataset.sample_file(sample), sample) : dataset.sample_label(sample);
}

std::string ranking(std::span<const float> scores, std::size_t top) {
  std::string text;
  for (const std::size_t index : engine::top_k(scores, top))
    text += (text.empty() ? "" : ", ") + std::to_string(index) + " (" +
            significant(static_cast<double>(scores[index]), 4) + ")";
  return text;
}

std::string extent(std::span<const float> values) {
  if (values.empty()) return "empty";
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  double sum = 0;
  for (const float x : values) sum += static_cast<double>(x);
  return "min " + significant(static_cast<double>(*low), 5) + ", max " +
         significant(static_cast<double>(*high), 5) + ", mean " +
         significant(sum / static_cast<double>(values.size()), 5);
}

/// What is printed and counted for the samples of one run.
class Answers {
 public:
  Answers(Report& report, const Options& options, const engine::Dataset& dataset,
          const engine::Program& program)
      : report_(report), options_(options), dataset_(dataset), program_(program) {
    if (!options.labels.empty()) labels_ = engine::Labels::read(options.labels);
    classes_ = classification_output(program.outputs());
    boxes_ = detection_output(program);
    if (labels_ && !classes_)
      throw engine::UsageError("--labels needs an output of shape [N,C]; the network has none");
    quiet_ = (labels_ || dataset.sample_label(0)) && !options.verbose;
  }

  void add(const engine::Session& session) {
    const auto rows = dataset_.rows();
    for (std::size_t row = 0; row < rows.size(); ++row)
      if (rows[row]) add_sample(session, *rows[row], row, rows.size());
  }

  void print_accuracy() const {
    if (count_.samples == 0 && labels_)
      throw engine::FormatError("no sample has a label", {.file = options_.labels});
    if (count_.samples == 0) return;
    if (unlabelled_ > 0) report_.note(counted(unlabelled_, "sample") + " without a label left out");
    report_.line("top-1 " + fixed(count_.top1_percent(), 2) + " %");
    report_.line("top-5 " + fixed(count_.top5_percent(), 2) + " %");
  }

 private:
  void add_sample(const engine::Session& session, std::size_t sample, std::size_t row, std::size_t rows) {
    if (classes_ && session.output(*classes_).size() % rows == 0) {
      const auto scores = session.output(*classes_);
      const auto of_row = scores.subspan(row * (scores.size() / rows), scores.size() / rows);
      if (const auto label = label_of(labels_, dataset_, sample))
        count_.add(of_row, *label);
      else
        ++unlabelled_;
      if (!quiet_) report_.line(dataset_.sample_name(sample) + ": " + ranking(of_row, options_.top));
    } else if (!quiet_ && boxes_) {
      report_.line(dataset_.sample_name(sample) + ":");
      report_.block(detection_lines(session.output(*boxes_), row, options_.threshold));
    } else if (!quiet_ && row == 0) {
      report_.line(dataset_.sample_name(sample) + ":");
      for (std::size_t i = 0; i < program_.outputs().size(); ++i)
        report_.line("  output '" + program_.outputs()[i].name + "' " +
                     engine::to_string(program_.outputs()[i].shape) + ": " + extent(session.output(i)));
    }
  }

  Report& report_;
  const Options& options_;
  const engine::Dataset& dataset_;
  const engine::Program& program_;
  std::optional<engine::Labels> labels_;
  std::optional<std::size_t> classes_, boxes_;
  bool quiet_ = false;
  engine::TopKCount count_;
  std::size_t unlabelled_ = 0;
};

Exit run(const Options& o, Report& report) {
  const engine::DatasetOptions data = dataset_options(report, o.model.model, o.input, 1);
  if (!o.input.given()) throw engine::UsageError("no data; name it with -i, or use --random SEED");
  engine::Model model = load(o.model);
  const auto program = engine::Program::compile(std::move(model.graph), o.model.compile_options());
  engine::Dataset dataset(program->inputs(), data);
  report_inputs(report, dataset, o.input);
  Answers answers(report, o, dataset, *program);
  std::optional<OutputFiles> files;
  if (!o.out.empty()) files.emplace(o.out, program->outputs());

  engine::Session session(program, o.model.threads);
  double seconds = 0;
  std::size_t runs = 0;
  for (std::size_t run = 0; run < dataset.runs(); ++run) {
    if (!dataset.fill(session, run)) continue;
    const Stopwatch watch;
    session.run();
    seconds += watch.seconds();
    ++runs;
    answers.add(session);
    if (files) files->append(session, dataset.rows());
  }
  report_skipped(report, dataset);
  if (files) files->commit();
  answers.print_accuracy();
  report.line(counted(dataset.samples() - dataset.skipped().size(), "sample") + ", " +
              fixed(seconds / static_cast<double>(runs) * 1e3, 3) + " ms per run of " +
              std::to_string(dataset.batch()));
  return Exit::ok;
}

}  // namespace

Command infer_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "infer",
          .summary = "Run a model on images or numbers: best classes or boxes, accuracy, output files",
          .aliases = {kSubsetAlias, {"-nt", "--top"}},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
