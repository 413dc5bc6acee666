#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/fuzz/model_files.h"
#include "tests/fuzz/run_case.h"

namespace refcalib_fuzz {

/// One case of a loop.
struct Record {
  std::uint64_t number = 0;
  Outcome outcome;
};

/// What a loop runs and where.
struct Loop {
  std::uint64_t first = 0, count = 0;                                       ///< numbers of the cases
  std::function<ModelFiles(std::uint64_t)> make;                            ///< the files of a case
  std::function<Outcome(const std::filesystem::path&, std::uint64_t)> run;  ///< runs the case from its files
  std::filesystem::path keep;  ///< folder for the files of defects; empty: none
};

/// Runs the cases in child processes, a few hundred each, so that a crash, a sanitizer report, a hang (more than 5
/// seconds of processor time or 60 seconds of waiting) or an absurd allocation ends one case and not the loop. A
/// case that ends its process is a defect; its message is the first line of the sanitizer's report or the signal.
/// Without sanitizers a child's address space is limited to 4 GiB; with them one allocation to 1 GiB.
/// Throws std::system_error if processes or temporary files cannot be had.
std::vector<Record> supervise(const Loop& loop);

}  // namespace refcalib_fuzz
