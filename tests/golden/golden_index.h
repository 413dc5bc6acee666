#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "engine/core/shape.h"

namespace refcalib_test {

/// A tensor of a golden entry.
struct GoldenTensor {
  std::string name;
  refcalib::engine::Shape shape;
  std::filesystem::path file;
  std::vector<std::int64_t> stride;  ///< empty, or: the file holds only every n-th element along each axis
};

/// One run of an independent engine.
struct GoldenEntry {
  std::string model;              ///< as the index spells it
  std::filesystem::path xml;      ///< the file to load
  std::filesystem::path weights;  ///< empty: beside the .xml
  std::string precision;          ///< FP32 or INT8
  std::vector<GoldenTensor> inputs, outputs;
  bool half_weights = false;  ///< the weights are stored in 16 bits
};

/// The folder of models, data and golden outputs: environment variable REFCALIB_SHARED_DIR, or the value given to CMake; empty if
/// neither names a folder.
std::filesystem::path shared_dir();

/// The entries of golden/index.json whose models this build reads. Topologies are taken from `topologies`, the folder that models/make_weights.py filled.
std::vector<GoldenEntry> read_golden_index(const std::filesystem::path& shared,
                                           const std::filesystem::path& topologies);

}  // namespace refcalib_test
