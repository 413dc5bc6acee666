#pragma once

#include <filesystem>
#include <refcalib/statistics.hpp>
#include <string>

namespace refcalib::app {

/// Reads a file of statistics. Throws IoError or FormatError naming it.
Statistics read_statistics(const std::filesystem::path& file);
/// Writes one; it appears under its name only when it is complete. Throws IoError.
void write_statistics(const Statistics& statistics, const std::filesystem::path& file);

/// Throws IoError, now and not after minutes of work, if no file can be written under that name.
void check_output(const std::filesystem::path& file);

/// "300 samples, data 0123456789abcdef, 66 values of model 'shapes'".
std::string summary(const Statistics& statistics);

}  // namespace refcalib::app
