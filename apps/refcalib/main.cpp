#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <iostream>
#include <new>
#include <refcalib/version.hpp>
#include <sstream>

#include "apps/refcalib/command.h"
#include "engine/core/error.h"

namespace refcalib::app {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 failed (bad input, unwritable output); 2 wrong command line; 3 interrupted, "
    "no\n"
    "result written; 4 compare found an output below --fail-below, or doctor better preprocessing; 5 "
    "calibrate met "
    "no\nthreshold and wrote the best it found.\n";

std::string version_text() {
  return std::string("refcalib ") + version_string;
}

/// The command line: a parser with one subcommand for each Command.
class Program {
 public:
  explicit Program(std::vector<Command> commands) : commands_(std::move(commands)) {
    app_.name("refcalib");
    app_.description("Makes a trained network run in INT8 on an ordinary CPU.");
    app_.set_version_flag("--version", version_text());
    app_.require_subcommand(1);
    for (Command& command : commands_) {
      CLI::App* const subcommand = app_.add_subcommand(command.name, command.summary);
      command.declare(*subcommand);
      subcommand->footer(subcommand->get_footer() + kExitCodes);
    }
    app_.footer(kExitCodes);  // last, because subcommands take over what is set before they are added
  }

  Exit run(int argc, char** argv, Report& report) {
    try {
      std::vector<std::string> arguments = rewritten({argv + 1, argv + argc});
      std::reverse(arguments.begin(), arguments.end());  // the order that the parser wants
      app_.parse(std::move(arguments));
    } catch (const CLI::ParseError& error) {
      return report_parse(error, report);
    }
    for (const Command& command : commands_)
      if (app_.got_subcommand(command.name)) return command.run(report);
    return Exit::usage;
  }

 private:
  std::vector<std::string> rewritten(std::vector<std::string> arguments) const {
    if (arguments.empty()) return arguments;
    for (const Command& command : commands_) {
      if (arguments.front() != command.name) continue;
      std::vector<std::string> long_names;
      for (const CLI::Option* const option : app_.get_subcommand(command.name)->get_options())
        for (const std::string& name : option->get_lnames()) long_names.push_back("--" + name);
      arguments = rewrite_arguments(std::span(arguments).subspan(1), command.aliases, long_names);
      arguments.insert(arguments.begin(), command.name);
      break;
    }
    return arguments;
  }

  Exit report_parse(const CLI::ParseError& error, Report& report) const {
    if (error.get_exit_code() == 0) {  // --help, --version
      std::ostringstream text;
      app_.exit(error, text, text);
      report.block(text.str());
      return Exit::ok;
    }
    const auto chosen = app_.get_subcommands();
    const std::string where = chosen.empty() ? "" : " " + chosen.front()->get_name();
    report.error(std::string(error.what()) + "; see refcalib" + where + " --help");
    return Exit::usage;
  }

  std::vector<Command> commands_;
  CLI::App app_;
};

Exit run_guarded(int argc, char** argv, Report& report) {
  try {
    Program program({calibrate_command(), collect_command(), merge_command(), bench_command(),
                     infer_command(), inspect_command(), compare_command(), diagnose_command(),
                     accuracy_command(), convert_command(), convert_annotation_command(), explain_command(),
                     doctor_command(), table_command(), sweep_command(), isa_command()});
    const Exit result = program.run(argc, argv, report);
    if (report.flush()) return result;
    report.error("cannot write the results to the standard output");
  } catch (const engine::UsageError& error) {
    report.error(error.what());
    return Exit::usage;
  } catch (const std::bad_alloc&) {
    report.error("out of memory");
  } catch (const std::exception& error) {
    report.error(error.what());
  } catch (...) {
    report.error("unknown failure");
  }
  return Exit::failed;
}

}  // namespace
}  // namespace refcalib::app

int main(int argc, char** argv) {
  // A file that grows past the user's limit is an error like a full disk, not a reason to be killed.
  std::signal(SIGXFSZ, SIG_IGN);
  refcalib::app::Report report(std::cout, std::cerr, isatty(STDERR_FILENO) == 1);
  return static_cast<int>(refcalib::app::run_guarded(argc, argv, report));
}
