#pragma once

#include <filesystem>
#include <span>

#include "engine/evaluation/input_source.h"
#include "engine/evaluation/preprocess.h"
#include "engine/runtime/program.h"

namespace refcalib::engine {

/// Samples from databases of LMDB whose records are Caffe's Datum, in the order of their keys, one database after the other, with the
/// labels of the records. The file of a sample is DATABASE/KEY. Records are pictures: encoded files, or bytes of 1 or 3 channels (blue,
/// green, red); or numbers that fill a row of the input: floats, or bytes of other channels. What the first record is all have to be.
/// Throws IoError for a database that cannot be opened, FormatError for one that is damaged, has no records or none that fits the
/// input, UsageError if the input takes no pictures, UnsupportedError in a build without liblmdb.
InputSource lmdb_source(std::span<const std::filesystem::path> databases, const PortInfo& input,
                        const Preprocessing& preprocessing);

}  // namespace refcalib::engine
