#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/evaluation/preprocess.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// Samples for one network input. A sample fills one row of the batch: `row_size` of the input's elements.
struct InputSource {
  std::string description;  ///< for reports: where the numbers come from and what is done to them
  bool images = false;      ///< samples are pictures
  std::size_t samples = 0;  ///< 0: as many as wanted
  std::size_t row_size = 0;
  std::vector<std::filesystem::path>
      files;  ///< of each sample, if samples are files or have names like them; else empty
  std::vector<std::optional<std::size_t>>
      labels;                     ///< of each sample, if a list file or database states them; else empty
  std::size_t ignored_files = 0;  ///< files of a folder that are no samples
  /// Fills a row. Throws Error (naming the file) if the sample cannot be read.
  std::function<void(std::size_t sample, std::span<float> row)> read;
};

/// Finds out what `paths` are: picture files, a folder of pictures (sorted by name, sub-folders and other
/// files left out), a list file (lines `path` or `path label`, relative to the list), a .npy whose first axis
/// counts samples, a folder of .npy files (each one sample or several), or a database of LMDB (lmdb_source.h).
/// Several paths are joined; numbers, pictures and databases cannot be mixed. Throws IoError for a path that does not exist, FormatError for an empty
/// folder or list and for shapes that do not fit the input, UsageError if the input takes no pictures.
InputSource open_source(std::span<const std::filesystem::path> paths, const PortInfo& input,
                        const Preprocessing& preprocessing);

/// Uniform numbers in [-1, 1) by random_input(seed, number of the input, position in the endless array of
/// samples).
InputSource random_source(const PortInfo& input, std::size_t number, std::uint64_t seed);

}  // namespace refcalib::engine
