#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace refcalib_test {

/// How a run of the program ended.
struct Outcome {
  int exit_code = -1;  ///< 128 + number if a signal ended it
  std::string out, err;
};

/// Runs the built program with these arguments (no shell in between), `environment` as extra NAME=VALUE
/// entries, standard output into `out_path` if given, and no file longer than `file_limit` bytes (0: no
/// limit).
Outcome run_program(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {}, const std::string& out_path = {},
                    std::size_t file_limit = 0);

/// Starts the program, sends it `signal` as soon as its error output contains `cue`, and waits for its end.
Outcome run_and_signal(const std::vector<std::string>& arguments, const std::string& cue, int signal);

/// Starts the program and kills it (SIGKILL) after so many milliseconds, unless it ended before.
Outcome run_and_kill(const std::vector<std::string>& arguments, int milliseconds);

/// Path of a file of the example model.
std::string example(const std::string& name);

/// Number of lines of a text that begin with `prefix`.
std::size_t lines_with(const std::string& text, const std::string& prefix);

}  // namespace refcalib_test
