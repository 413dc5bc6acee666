#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "apps/refcalib/report.h"
#include "engine/diagnosis/diagnose.h"

namespace refcalib::app {

/// The costliest `rows` layers as a table, then what was found out about those that were explained.
void print_diagnosis(Report& report, const engine::Diagnosis& diagnosis, std::size_t rows);

std::string diagnosis_json(const engine::Diagnosis& diagnosis);
std::string diagnosis_csv(const engine::Diagnosis& diagnosis);
/// Writes JSON if the file's name ends in .json, CSV for .csv. Throws UsageError for others, IoError.
void write_diagnosis(const std::filesystem::path& file, const engine::Diagnosis& diagnosis);

}  // namespace refcalib::app
