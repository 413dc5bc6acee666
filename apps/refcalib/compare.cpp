#include <algorithm>
#include <memory>
#include <optional>

#include "apps/refcalib/agreement.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/detection_report.h"
#include "apps/refcalib/layer_compare.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions machine;
  InputOptions input;
  std::string reference, other;
  double min_cosine = 0.99;
  std::optional<double> fail_below;
  bool outputs_only = false;
};

void declare(CLI::App& app, Options& o) {
  app.add_option("A", o.reference, "Reference: A.xml")->required();
  app.add_option("B", o.other, "Compared with it: B.xml")->required();
  declare_shapes(app, o.machine);
  declare_machine(app, o.machine);
  app.add_flag("--fp32", o.machine.float_only, "Run both in FP32 even if they are quantized");
  declare_inputs(app, o.input, "-i,--input");
  app.add_option("--min-cosine", o.min_cosine,
                 "The first layer below this cosine is named as the first bad one")
      ->capture_default_str();
  app.add_option(
      "--fail-below", o.fail_below,
      "Exit with 4 if an output of the network has a lower cosine (detections: share of matched boxes)");
  app.add_flag("--outputs-only", o.outputs_only, "Print the network's outputs, not the layers");
}

std::shared_ptr<const engine::Program> compile(const Options& o, const std::string& path) {
  ModelOptions model = o.machine;
  model.model = path;
  return engine::Program::compile(load(model).graph, model.compile_options());
}

std::vector<std::string> row(const LayerDifference& d) {
  if (!d.same_size) return {d.value, d.precision, std::to_string(d.elements), "sizes differ"};
  return {d.value,
          d.precision,
          std::to_string(d.elements),
          fixed(d.cosine, 6),
          fixed(d.worst_cosine, 6),
          fixed(d.sqnr_db, 1),
          significant(d.max_error, 4),
          d.output ? "output" : ""};
}

bool is_bad(const LayerDifference& d, double limit) {
  return !d.same_size || !(d.cosine >= limit);
}

Exit print(const Options& o, Report& report, const LayerComparison& comparison,
           const DetectionComparison& boxes) {
  auto differences = comparison.differences();
  if (differences.empty()) throw engine::UsageError("the two models have no layer name in common");
  Table table;
  table.header = {"layer", "precision", "elements", "cosine", "worst cosine", "SQNR dB", "max error"};
  table.left = {1, 7};
  for (const LayerDifference& difference : differences)
    if (difference.output || !o.outputs_only) table.rows.push_back(row(difference));
  report.block(table.text());
  for (const auto& [ours, theirs] : comparison.paired())
    report.note("output '" + ours + "' is compared with '" + theirs + "', by its place");
  if (comparison.unmatched() > 0)
    report.note(counted(comparison.unmatched(), "value") +
                " of the reference without a partner of that name");

  report.block(boxes.text());
  // Rows of detections change places with their scores: a cosine says nothing about them.
  std::erase_if(differences, [&](const LayerDifference& d) { return boxes.has(d.value); });

  const auto bad = std::find_if(differences.begin(), differences.end(),
                                [&](const LayerDifference& d) { return is_bad(d, o.min_cosine); });
  const std::string limit = significant(o.min_cosine, 9);
  if (bad == differences.end())
    report.line("no layer has a cosine below " + limit);
  else
    report.line("first layer with a cosine below " + limit + ": '" + bad->value + "' (" +
                (bad->same_size ? fixed(bad->cosine, 6) : "sizes differ") + ")");
  if (!o.fail_below) return Exit::ok;
  for (const LayerDifference& d : differences)
    if (d.output && is_bad(d, *o.fail_below)) {
      report.error("output '" + d.value + "' has a cosine of " + fixed(d.cosine, 6) + ", below " +
                   significant(*o.fail_below, 9));
      return Exit::below;
    }
  if (boxes.lowest_share() < *o.fail_below) {
    report.error("the share of matched boxes is " + fixed(boxes.lowest_share(), 6) + ", below " +
                 significant(*o.fail_below, 9));
    return Exit::below;
  }
  return Exit::ok;
}

Exit run(const Options& o, Report& report) {
  if (!o.input.given()) throw engine::UsageError("no data; name it with -i, or use --random SEED");
  const engine::DatasetOptions data = dataset_options(report, o.reference, o.input, 1);
  engine::Session reference(compile(o, o.reference), o.machine.threads);
  engine::Session other(compile(o, o.other), o.machine.threads);
  engine::Dataset dataset(reference.program().inputs(), data);
  report_inputs(report, dataset, o.input);
  LayerComparison comparison(reference.program(), other.program());
  DetectionComparison boxes(reference.program(), other.program());
  for (std::size_t run = 0; run < dataset.runs(); ++run) {
    if (!dataset.fill(reference, run)) continue;
    copy_inputs(reference, other);
    comparison.run(reference, other);
    boxes.add(reference, other);
  }
  report_skipped(report, dataset);
  return print(o, report, comparison, boxes);
}

}  // namespace

Command compare_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "compare",
          .summary = "Compare two models layer by layer on the same inputs",
          .aliases = {kSubsetAlias},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
