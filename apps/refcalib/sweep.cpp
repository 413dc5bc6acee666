#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include "apps/refcalib/agreement.h"
#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/json.h"
#include "apps/refcalib/keep_accurate.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/text.h"
#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/calibrate.h"
#include "engine/calibration/layer_sweep.h"
#include "engine/core/error.h"
#include "engine/evaluation/labels.h"
#include "engine/evaluation/output_file.h"
#include "engine/evaluation/topk.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions model;
  InputOptions input;
  std::string quantized, labels, progress;
  std::vector<std::string> reports;
};

void declare(CLI::App& app, Options& o) {
  app.add_option("-m,--model", o.model.model, "The network in float")->required();
  app.add_option("-w,--weights-file", o.model.weights, "Its weights; default: the .bin beside the .xml");
  app.add_option("-q,--quantized", o.quantized,
                 "Calibrated from it; without it the network is calibrated with the default options");
  declare_shapes(app, o.model);
  declare_machine(app, o.model);
  declare_inputs(app, o.input, "-i,--input,-s,--source");
  app.add_option("--labels", o.labels, "True classes, as infer takes them: reports the top-1 accuracy, too");
  app.add_option("--report", o.reports, "Write the rows into FILE.json or FILE.csv, or both");
  app.add_option("--progress", o.progress, "bar (default on a terminal) | print[:N] (else) | none");
  app.footer("Without --subset the first 16 samples are used.\n");
}

/// What the network's answers came to with some layers in INT8.
struct Answers {
  double cosine = 1;  ///< the least of the outputs; of detections the share of boxes that both see
  double sqnr_db = std::numeric_limits<double>::infinity();  ///< likewise
  std::optional<double> same_class, top1;                    ///< percent
};

struct Row {
  std::string layer;
  Answers alone, so_far;
};

/// Runs the network in parts of its layers.
class Sweep {
 public:
  Sweep(const Options& o, engine::Graph original, engine::Graph calibrated, engine::Dataset& dataset)
      : calibrated_(std::move(calibrated)),
        dataset_(dataset),
        threads_(o.model.threads),
        reference_(compiled(original, false), o.model.threads) {
    if (!o.labels.empty()) labels_ = engine::Labels::read(o.labels);
    class_output_ = classification_output(reference_.program().outputs());
    if (labels_ && !class_output_)
      throw engine::UsageError("--labels needs an output of shape [N,C]; the network has none",
                               {.file = o.labels});
  }

  std::optional<double> float_top1() { return top1(reference_); }

  Answers with(const std::set<std::string>& layers) {
    engine::Session other(compiled(engine::with_int8_layers(calibrated_, layers), true), threads_);
    const Agreement agreement = measure_agreement(reference_, other, dataset_, dataset_.runs());
    Answers answers;
    for (const OutputAgreement& output : agreement.outputs) {
      answers.cosine = std::min(answers.cosine, output.cosine);
      answers.sqnr_db = std::min(answers.sqnr_db, output.sqnr_db);
    }
    if (agreement.outputs.empty())
      answers.cosine = agreement_of(reference_, other, dataset_, dataset_.runs());
    answers.same_class = agreement.top1_percent;
    answers.top1 = top1(other);
    return answers;
  }

 private:
  static std::shared_ptr<const engine::Program> compiled(engine::Graph graph, bool int8) {
    engine::CompileOptions options = engine::default_options();
    options.int8 = int8;
    return engine::Program::compile(std::move(graph), options);
  }

  /// From --labels, else from the list or database that the sample stands in.
  std::optional<std::size_t> label_of(std::size_t sample) const {
    return labels_ ? labels_->find(dataset_.sample_file(sample), sample) : dataset_.sample_label(sample);
  }

  /// Accuracy on the samples that have a label; nullopt without labels.
  std::optional<double> top1(engine::Session& session) {
    if (!class_output_ || (!labels_ && !dataset_.sample_label(0))) return std::nullopt;
    engine::TopKCount count;
    for (std::size_t run = 0; run < dataset_.runs(); ++run) {
      if (!dataset_.fill(session, run)) continue;
      session.run();
      const auto scores = session.output(*class_output_);
      const std::size_t classes = scores.size() / dataset_.batch();
      for (std::size_t row = 0; row < dataset_.rows().size(); ++row) {
        const auto sample = dataset_.rows()[row];
        if (!sample) continue;
        if (const auto label = label_of(*sample)) count.add(scores.subspan(row * classes, classes), *label);
      }
    }
    if (count.samples == 0) throw engine::FormatError("no sample has a label");
    return count.top1_percent();
  }

  engine::Graph calibrated_;
  engine::Dataset& dataset_;
  int threads_;
  engine::Session reference_;
  std::optional<engine::Labels> labels_;
  std::optional<std::size_t> class_output_;
};

std::string decibel_text(double db) {
  return fixed(db, 1);
}

void add_cells(const Answers& answers, std::vector<std::string>& cells) {
  cells.push_back(fixed(answers.cosine, 5));
  cells.push_back(decibel_text(answers.sqnr_db));
  if (answers.same_class) cells.push_back(fixed(*answers.same_class, 2));
  if (answers.top1) cells.push_back(fixed(*answers.top1, 2));
}

Table table_of(const std::vector<Row>& rows) {
  Table table;
  table.header = {"layer"};
  for (const char* const part : {"alone ", "up to here "}) {
    table.header.push_back(std::string(part) + "cosine");
    table.header.push_back(std::string(part) + "SQNR");
    if (rows.front().alone.same_class) table.header.push_back(std::string(part) + "same class %");
    if (rows.front().alone.top1) table.header.push_back(std::string(part) + "top-1 %");
  }
  for (const Row& row : rows) {
    std::vector<std::string> cells{row.layer};
    add_cells(row.alone, cells);
    add_cells(row.so_far, cells);
    table.rows.push_back(std::move(cells));
  }
  return table;
}

JsonObject json_of(const Answers& answers) {
  JsonObject object;
  object.add("cosine", answers.cosine).add("sqnr_db", answers.sqnr_db);
  if (answers.same_class) object.add("same_class_percent", *answers.same_class);
  if (answers.top1) object.add("top1_percent", *answers.top1);
  return object;
}

void write_report(const std::string& path, const Options& o, const std::vector<Row>& rows,
                  std::optional<double> float_top1) {
  engine::OutputFile file(path);
  if (std::filesystem::path(path).extension() == ".csv") {
    file.write(table_of(rows).csv());
  } else {
    std::vector<JsonObject> layers;
    for (const Row& row : rows)
      layers.push_back(JsonObject{}
                           .add("layer", row.layer)
                           .add("alone", json_of(row.alone))
                           .add("up_to_here", json_of(row.so_far)));
    JsonObject all;
    all.add("model", o.model.model);
    if (float_top1) all.add("float_top1_percent", *float_top1);
    file.write(all.add("layers", layers).text() + "\n");
  }
  file.commit();
}

void check(const Options& o, Report& report) {
  if (!o.input.given()) throw engine::UsageError("no data; name it with -s IMAGES, or use --random SEED");
  (void)parse_progress(o.progress, report.terminal());
  for (const std::string& file : o.reports) {
    const std::string extension = std::filesystem::path(file).extension().string();
    if (extension != ".json" && extension != ".csv")
      throw engine::UsageError("a report is written as .json or .csv", {.file = file});
  }
}

engine::Graph calibrated_graph(const Options& o, const engine::Model& model, engine::Dataset& dataset) {
  if (!o.quantized.empty()) {
    ModelOptions quantized = o.model;
    quantized.model = o.quantized;
    quantized.weights.clear();
    return load(quantized).graph;
  }
  engine::CalibrationOptions options;
  options.threads = o.model.threads;
  return engine::annotated_graph(model.graph,
                                 engine::calibrate(model.graph, sample_source(dataset), options).annotation);
}

Exit run(const Options& o, Report& report) {
  check(o, report);
  constexpr std::size_t samples = 16;
  engine::DatasetOptions data = dataset_options(report, o.model.model, o.input, samples);
  if (data.subset == 0 && data.subset_percent <= 0) data.subset = samples;
  const engine::Model model = load(o.model);
  engine::Dataset dataset(input_ports(model.graph), data);
  report_inputs(report, dataset, o.input);
  const engine::Graph calibrated = calibrated_graph(o, model, dataset);
  const std::vector<std::string> layers = engine::int8_layers(calibrated);
  if (layers.empty())
    throw engine::UsageError("no layer runs in INT8",
                             {.file = o.quantized.empty() ? o.model.model : o.quantized,
                              .remedy = "'refcalib inspect' lists the reasons"});
  Sweep sweep(o, model.graph, calibrated, dataset);
  const std::optional<double> float_top1 = sweep.float_top1();
  InterruptGuard interrupt;
  ProgressMeter meter(report, parse_progress(o.progress, report.terminal()), "sweeping");
  std::vector<Row> rows;
  std::set<std::string> so_far;
  for (const std::string& layer : layers) {
    so_far.insert(layer);
    rows.push_back({layer, sweep.with({layer}), sweep.with(so_far)});
    meter.update(rows.size(), layers.size());
    if (interrupt.interrupted()) {
      report.error("interrupted; nothing was written");
      return Exit::interrupted;
    }
  }
  report_skipped(report, dataset);
  report.block(table_of(rows).text());
  if (float_top1) report.line("FP32: top-1 " + fixed(*float_top1, 2) + " %");
  const auto worst = std::min_element(
      rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.alone.cosine < b.alone.cosine; });
  report.line("all " + counted(rows.size(), "layer") + " in INT8: cosine " +
              fixed(rows.back().so_far.cosine, 5) + "; the costliest alone: '" + worst->layer + "', " +
              fixed(worst->alone.cosine, 5));
  for (const std::string& file : o.reports) write_report(file, o, rows, float_top1);
  return Exit::ok;
}

}  // namespace

Command sweep_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "sweep",
          .summary = "Turn INT8 on layer by layer, alone and one after the other, and report the drop",
          .aliases = {kSubsetAlias},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
