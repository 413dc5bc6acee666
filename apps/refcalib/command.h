#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "apps/refcalib/argv_rewrite.h"
#include "apps/refcalib/report.h"

namespace refcalib::app {

/// What the process returns; documented in every --help.
enum class Exit : int {
  ok = 0,
  failed = 1,       ///< bad input, or the work could not be done
  usage = 2,        ///< the command line is wrong
  interrupted = 3,  ///< stopped by Ctrl-C or SIGTERM; no result was written
  missed = 5,       ///< calibrate: no network meets the threshold; the best one was written
  below = 4  ///< compare --fail-below: an output is below the limit; doctor: other preprocessing is better
};

/// One subcommand.
struct Command {
  std::string name;
  std::string summary;
  std::vector<Alias> aliases;  ///< spellings that the option parser cannot declare
  /// Declares the options; what they are bound to lives as long as `run`.
  std::function<void(CLI::App&)> declare;
  std::function<Exit(Report&)> run;
};

Command calibrate_command();
Command bench_command();
Command infer_command();
Command inspect_command();
Command compare_command();
Command collect_command();
Command merge_command();
Command convert_command();
Command diagnose_command();
Command isa_command();
Command table_command();
Command sweep_command();
Command accuracy_command();
Command convert_annotation_command();
Command explain_command();
Command doctor_command();

}  // namespace refcalib::app
