#include "apps/refcalib/statistics_io.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <refcalib/statistics_file.hpp>
#include <stdexcept>

#include "apps/refcalib/text.h"
#include "engine/calibration/model_hash.h"
#include "engine/core/error.h"
#include "engine/evaluation/output_file.h"

namespace refcalib::app {

namespace fs = std::filesystem;

Statistics read_statistics(const fs::path& file) {
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) throw engine::IoError("is a folder", {.file = file.string()});
  std::ifstream in(file, std::ios::binary);
  if (!in) throw engine::IoError("cannot open the statistics", {.file = file.string()});
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (in.bad()) throw engine::IoError("cannot read the statistics", {.file = file.string()});
  try {
    return statistics_from_bytes(bytes);
  } catch (const std::invalid_argument& error) {
    throw engine::FormatError(std::string("cannot be used: ") + error.what(),
                              {.file = file.string(), .remedy = "collect the statistics anew"});
  }
}

void write_statistics(const Statistics& statistics, const fs::path& file) {
  engine::OutputFile out(file);
  out.write(to_bytes(statistics));
  out.commit();
}

Statistics statistics_for(const engine::Graph& graph, const ModelOptions& model, const std::string& file) {
  Statistics statistics = read_statistics(file);
  if (statistics.origin.model_hash != engine::model_hash(graph))
    throw engine::FormatError("these are statistics of another model, '" + statistics.origin.model +
                                  "' with other layers, weights or shapes",
                              {file, {}, "collect them with " + model.model});
  if (statistics.sample_count == 0)
    throw engine::UsageError("there is no sample in these statistics", {.file = file});
  return statistics;
}

void check_output(const fs::path& file) {
  const fs::path folder = file.parent_path().empty() ? fs::path(".") : file.parent_path();
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw engine::IoError("there is no such folder to write into", {.file = folder.string()});
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw engine::IoError("cannot write into the output folder", {.file = folder.string()});
  if (fs::is_directory(file, ignored))
    throw engine::IoError("is a folder; name a file", {.file = file.string()});
}

std::string summary(const Statistics& statistics) {
  return counted(statistics.sample_count, "sample") + ", data " +
         refcalib::detail::hexadecimal(statistics.data_hash) + ", " +
         counted(statistics.values.size(), "value") + " of model '" + statistics.origin.model + "'";
}

}  // namespace refcalib::app
