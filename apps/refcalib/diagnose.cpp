#include "engine/diagnosis/diagnose.h"

#include <filesystem>
#include <memory>

#include "apps/refcalib/calibration_data.h"
#include "apps/refcalib/command.h"
#include "apps/refcalib/diagnose_report.h"
#include "apps/refcalib/interrupt.h"
#include "apps/refcalib/options.h"
#include "apps/refcalib/progress.h"
#include "apps/refcalib/stated_preprocessing.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

struct Options {
  ModelOptions model;
  InputOptions input;
  std::string quantized, progress;
  std::vector<std::string> reports;
  std::size_t rows = 20, explained = 5;
};

void declare(CLI::App& app, Options& o) {
  app.add_option("-m,--model", o.model.model, "The network in float: FP32.xml")->required();
  app.add_option("-q,--quantized", o.quantized, "Calibrated from it: INT8.xml")->required();
  declare_shapes(app, o.model);
  declare_machine(app, o.model);
  declare_inputs(app, o.input, "-i,--input,-s,--source");
  app.add_option("--explain", o.explained, "Find reasons and try remedies for the N costliest layers")
      ->capture_default_str()
      ->check(whole_number());
  app.add_option("--rows", o.rows, "Print the N costliest layers; reports hold all")
      ->capture_default_str()
      ->check(whole_number());
  app.add_option("--report", o.reports, "Write all that was found out into FILE.json or FILE.csv, or both");
  app.add_option("--progress", o.progress, "bar (default on a terminal) | print[:N] (else) | none");
  app.footer("Without --subset the first 8 samples are used; their float values are kept in memory.\n");
}

void check(const Options& o, Report& report) {
  if (!o.input.given()) throw engine::UsageError("no data; name it with -i IMAGES, or use --random SEED");
  (void)parse_progress(o.progress, report.terminal());
  for (const std::string& file : o.reports) {
    const std::string extension = std::filesystem::path(file).extension().string();
    if (extension != ".json" && extension != ".csv")
      throw engine::UsageError("a report is written as .json or .csv", {.file = file});
  }
}

engine::Model load_quantized(const Options& o) {
  ModelOptions model = o.model;
  model.model = o.quantized;
  return load(model);
}

Exit run(const Options& o, Report& report) {
  check(o, report);
  constexpr std::size_t samples = 8;
  engine::DatasetOptions data = dataset_options(report, o.model.model, o.input, samples);
  if (data.subset == 0 && data.subset_percent <= 0) data.subset = samples;
  const engine::Model reference = load(o.model), quantized = load_quantized(o);
  engine::Dataset dataset(input_ports(reference.graph), data);
  report_inputs(report, dataset, o.input);

  InterruptGuard interrupt;
  ProgressMeter meter(report, parse_progress(o.progress, report.terminal()), "diagnosing");
  engine::DiagnoseOptions options;
  options.threads = o.model.threads;
  options.explained = o.explained;
  try {
    const engine::Diagnosis diagnosis =
        engine::diagnose(reference.graph, quantized.graph, sample_source(dataset), options,
                         [&](std::size_t done, std::size_t all) {
                           meter.update(done, all);
                           return !interrupt.interrupted();
                         });
    report_skipped(report, dataset);
    print_diagnosis(report, diagnosis, o.rows);
    for (const std::string& file : o.reports) write_diagnosis(file, diagnosis);
    return Exit::ok;
  } catch (const engine::Cancelled&) {
    report.error("interrupted; nothing was written");
    return Exit::interrupted;
  }
}

}  // namespace

Command diagnose_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "diagnose",
          .summary = "Find the layers that cost an INT8 model its precision, why, and what helps",
          .aliases = {kSubsetAlias},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
