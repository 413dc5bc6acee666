#pragma once

#include <cstddef>
#include <string>

#include "engine/formats/tables/table.h"

// What both forms of BMNet's table have in common.

namespace refcalib::engine::tables {

/// The integer 128 stands for a threshold; integers end at 127.
inline constexpr double kBmnetReached = 127.0 / 128.0;

/// Adds a threshold, or a note on one that is 0.
void add_bmnet_entry(CalibrationTable& table, std::string name, double threshold);

/// What a threshold is called by. Layers that work in place share a blob, so a layer with a single one goes by its own name.
std::string bmnet_name(const std::string& layer, const std::string& blob, std::size_t blobs);

}  // namespace refcalib::engine::tables
