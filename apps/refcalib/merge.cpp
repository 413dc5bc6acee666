#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/refcalib/command.h"
#include "apps/refcalib/statistics_io.h"
#include "apps/refcalib/text.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string output;
};

void declare(CLI::App& app, Options& o) {
  app.add_option("FILES", o.files, "Statistics of the same model, prepared alike: A.rcstat B.rcstat …")
      ->required();
  app.add_option("-o,--output", o.output, "Where their sum goes: C.rcstat")->required();
  app.footer(
      "The order of the files does not matter: the result has the same bytes as a collection over all "
      "samples "
      "at once.\n");
}

Exit run(const Options& o, Report& report) {
  check_output(o.output);
  Statistics sum = read_statistics(o.files.front());
  for (std::size_t i = 1; i < o.files.size(); ++i) {
    const Statistics other = read_statistics(o.files[i]);
    if (other.origin.records != sum.origin.records)
      report.note(o.files[i] +
                  " keeps other records of single images; those that not all files have are dropped");
    try {
      sum.merge(other);
    } catch (const std::invalid_argument& error) {
      throw engine::FormatError("cannot be added to " + o.files.front() + ": " + error.what(),
                                {o.files[i], {}, "merge files of one model and one preparation"});
    }
  }
  sum.sort();
  std::size_t repeated = 0;
  for (std::size_t i = 1; i < sum.samples.size(); ++i) repeated += sum.samples[i] == sum.samples[i - 1];
  if (repeated > 0)
    report.note(counted(repeated, "sample") + " of the sum " + (repeated == 1 ? "repeats" : "repeat") +
                " another one; each is counted as often as it is there");
  write_statistics(sum, o.output);
  report.line("merged " + counted(o.files.size(), "file") + ": " + summary(sum));
  report.line("written: " + o.output);
  return Exit::ok;
}

}  // namespace

Command merge_command() {
  const auto options = std::make_shared<Options>();
  return {.name = "merge",
          .summary = "Add statistics that were collected apart",
          .aliases = {},
          .declare = [options](CLI::App& app) { declare(app, *options); },
          .run = [options](Report& report) { return run(*options, report); }};
}

}  // namespace refcalib::app
