#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/evaluation/input_source.h"
#include "engine/evaluation/preprocess.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// What a user says about input data.
struct DatasetOptions {
  std::vector<std::string> inputs;           ///< paths, or NAME=PATH for the network input of that name
  std::optional<std::uint64_t> random_seed;  ///< random numbers for every input without a path
  std::size_t random_samples = 1;            ///< how many, if nothing else sets the number
  std::size_t subset = 0;                    ///< use N samples; 0: all
  double subset_percent = 0;                 ///< or so many percent of them, rounded up; 0: all
  std::optional<std::uint64_t> subset_seed;  ///< draws the subset; without it the first samples are used
  Preprocessing preprocessing;
};

/// Samples for all inputs of a network, grouped into runs of the network's batch size. fill() may be called by several
/// threads at once, each with a session of its own.
class Dataset {
 public:
  /// Throws UsageError for unknown input names, inputs without data and several inputs with an unnamed path;
  /// FormatError if inputs have different numbers of samples; and as open_source.
  Dataset(std::span<const PortInfo> inputs, const DatasetOptions& options);
  /// From sources that are open already, one for each input. Of the options only those on subsets count.
  Dataset(std::span<const PortInfo> inputs, std::vector<InputSource> sources, const DatasetOptions& options);

  std::size_t samples() const noexcept { return samples_; }
  std::size_t batch() const noexcept { return batch_; }
  /// Runs of the network that show every sample once; the last one may be filled up with repetitions.
  std::size_t runs() const noexcept { return (samples_ + batch_ - 1) / batch_; }

  /// Reads the samples of a run into the session's inputs. A sample that cannot be read is remembered in
  /// skipped() and replaced by another one of the same run; false if none of them can be read. Throws
  /// UsageError if a sample does not fit the preprocessing.
  bool fill(Session& session, std::size_t run);
  /// The same, saying which rows of the run hold samples of their own; the others only fill up.
  bool fill(Session& session, std::size_t run, std::vector<bool>& own_rows);

  /// Which sample each row of the run that was filled last holds (by whichever thread); nullopt for rows that only fill up.
  std::span<const std::optional<std::size_t>> rows() const noexcept { return rows_; }

  /// File of a sample, or "sample n".
  std::string sample_name(std::size_t sample) const;
  /// File of a sample; empty if samples are not files.
  std::filesystem::path sample_file(std::size_t sample) const;
  /// Label of a sample from a list file.
  std::optional<std::size_t> sample_label(std::size_t sample) const;

  /// Samples that could not be read, each once, in order, with the reason. Not while another thread fills.
  std::span<const std::pair<std::size_t, std::string>> skipped() const noexcept { return skipped_; }
  /// Files of a folder that are neither pictures nor arrays.
  std::size_t ignored_files() const noexcept;
  /// True if any input gets pictures.
  bool feeds_images() const noexcept;
  /// One line for each input: what is fed and how.
  std::vector<std::string> describe() const;
  /// What is done to the data, without where it comes from: equal for the shards of one data set.
  std::string preparation() const;

 private:
  /// Remembers why a sample cannot be read.
  void skip(std::size_t sample, const std::string& reason);
  bool read_row(Session& session, std::size_t sample, std::size_t row);
  const InputSource* file_source() const noexcept;
  /// Batch and samples from the sources.
  void count(std::span<const PortInfo> inputs, const DatasetOptions& options);
  void choose_subset(const DatasetOptions& options);
  /// The number that a sample of the subset has in its sources.
  std::size_t in_source(std::size_t sample) const noexcept {
    return chosen_.empty() ? sample : chosen_[sample];
  }

  std::vector<std::string> names_;
  std::vector<InputSource> sources_;
  std::vector<bool> constant_;  ///< the source has one run of data, which serves every run
  std::size_t samples_ = 0, batch_ = 1;
  std::vector<std::size_t> chosen_;  ///< of the subset, increasing; empty: the first ones
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  ///< of the two below
  std::vector<std::optional<std::size_t>> rows_;
  std::vector<std::pair<std::size_t, std::string>> skipped_;
};

}  // namespace refcalib::engine
