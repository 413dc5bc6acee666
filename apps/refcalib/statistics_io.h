#pragma once

#include <filesystem>
#include <refcalib/statistics.hpp>
#include <string>

#include "apps/refcalib/options.h"
#include "engine/graph/graph.h"

namespace refcalib::app {

/// Reads a file of statistics. Throws IoError or FormatError naming it.
Statistics read_statistics(const std::filesystem::path& file);
/// Writes one; it appears under its name only when it is complete. Throws IoError.
void write_statistics(const Statistics& statistics, const std::filesystem::path& file);

/// Reads statistics that limits of a network can be decided from. Throws FormatError too if they are of another network, UsageError if
/// they are of no sample.
Statistics statistics_for(const engine::Graph& graph, const ModelOptions& model, const std::string& file);

/// Throws IoError, now and not after minutes of work, if no file can be written under that name.
void check_output(const std::filesystem::path& file);

/// "300 samples, data 0123456789abcdef, 66 values of model 'shapes'".
std::string summary(const Statistics& statistics);

}  // namespace refcalib::app
