#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/error.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// What filling the inputs of a run came to: which rows of the batch hold samples. From a bool: all or none.
class Filled {
 public:
  Filled(bool any) : any_(any) {}  // NOLINT(google-explicit-constructor): a callback returns true or false
  /// `rows`: one for each row of the batch; rows without a sample only fill up and are not counted.
  explicit Filled(std::vector<bool> rows);

  bool any() const noexcept { return any_; }
  explicit operator bool() const noexcept { return any_; }
  bool row(std::size_t index) const noexcept { return rows_.empty() ? any_ : rows_[index]; }

 private:
  bool any_;
  std::vector<bool> rows_;
};

/// Fills the session's inputs with run `index`. Skips it by returning false (for example for an image that cannot be decoded).
using FillInputs = std::function<Filled(Session& session, std::size_t index)>;

/// Progress: runs done of all. Returning false cancels, which throws Cancelled.
using Progress = std::function<bool(std::size_t done, std::size_t all)>;

/// Data for a network: `runs` runs, that may be asked for in any order and by several threads at once.
struct SampleSource {
  std::size_t runs = 0;
  FillInputs fill;
  /// Names run `index` in messages; empty: "sample N", counted from 0.
  std::function<std::string(std::size_t index)> name{};

  std::string name_of(std::size_t index) const {
    return name ? name(index) : "sample " + std::to_string(index);
  }
};

/// Some runs of a source, which must outlive the result.
SampleSource some_runs(const SampleSource& source, std::vector<std::size_t> runs);

/// Runs that are kept for judging what was decided from the others: every eighth, at least one and at most 16; none of a single run.
std::vector<std::size_t> held_back_runs(std::size_t runs);
/// The others.
std::vector<std::size_t> other_runs(std::size_t runs, const std::vector<std::size_t>& without);

/// Thrown when the progress callback asks to stop.
class Cancelled : public Error {
  using Error::Error;
};

}  // namespace refcalib::engine
