#include "tests/golden/golden_index.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/formats/model_formats.h"

namespace refcalib_test {
namespace fs = std::filesystem;

fs::path shared_dir() {
  const char* environment = std::getenv("REFCALIB_SHARED_DIR");
  const fs::path dir = environment != nullptr ? environment : REFCALIB_SHARED_DIR;
  return !dir.empty() && fs::is_directory(dir) ? dir : fs::path();
}

namespace {

std::vector<GoldenTensor> tensors(const nlohmann::json& list, const fs::path& golden) {
  std::vector<GoldenTensor> out;
  for (const auto& item : list) {
    GoldenTensor tensor{item.at("name"),
                        item.at("shape").get<refcalib::engine::Shape>(),
                        golden / item.at("file").get<std::string>(),
                        {}};
    if (item.contains("stride") && !item.at("stride").is_null())
      tensor.stride = item.at("stride").get<std::vector<std::int64_t>>();
    out.push_back(std::move(tensor));
  }
  return out;
}

/// Whether this build reads files of that extension.
bool is_readable(const std::string& model) {
  for (const refcalib::engine::ModelFormat& format : refcalib::engine::model_formats())
    if (model.ends_with(format.extension)) return true;
  return false;
}

}  // namespace

std::vector<GoldenEntry> read_golden_index(const fs::path& shared, const fs::path& topologies) {
  std::ifstream file(shared / "golden" / "index.json");
  const nlohmann::json index = nlohmann::json::parse(file);
  const std::string rebuilt = "models/topologies/";
  const auto resolve = [&](const std::string& path) {
    return path.starts_with(rebuilt) ? topologies / path.substr(rebuilt.size()) : shared / path;
  };
  std::vector<GoldenEntry> entries;
  for (const auto& item : index) {
    GoldenEntry entry;
    entry.model = item.at("model");
    if (!is_readable(entry.model)) continue;
    entry.xml = resolve(entry.model);
    if (item.contains("weights") && !item.at("weights").is_null())
      entry.weights = resolve(item.at("weights"));
    entry.precision = item.at("precision");
    entry.inputs = tensors(item.at("inputs"), shared / "golden");
    entry.outputs = tensors(item.at("outputs"), shared / "golden");
    entry.half_weights = entry.model.find("fp16") != std::string::npos ||
                         entry.model.find("squeezenet1.1/v10") != std::string::npos;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace refcalib_test
