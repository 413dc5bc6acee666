#include "tests/fuzz/seeds.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "engine/graph/constant.h"
#include "tests/support/random.hpp"

namespace refcalib_fuzz {
namespace {

namespace fs = std::filesystem;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

/// Appends one value of the element type that a `.weights` line names.
void append_as(std::string& bytes, const std::string& type, double value) {
  if (type == "f32") return append(bytes, static_cast<float>(value));
  if (type == "f16") return append(bytes, refcalib::engine::float_to_half(static_cast<float>(value)));
  if (type == "i32") return append(bytes, static_cast<std::int32_t>(value));
  if (type == "i64") return append(bytes, static_cast<std::int64_t>(value));
  if (type == "i8") return append(bytes, static_cast<std::int8_t>(value));
  throw std::runtime_error("unknown element type '" + type + "'");
}

void append_line(std::string& bytes, const std::string& line, refcalib_test::Random& random) {
  std::istringstream words(line);
  std::string type, word;
  words >> type;
  while (words >> word) {
    if (word != "random") {
      append_as(bytes, type, std::stod(word));
      continue;
    }
    std::size_t count = 0;
    float high = 0;
    words >> count >> high;
    if (!words) throw std::runtime_error("random needs a count and a limit: " + line);
    for (std::size_t i = 0; i < count; ++i)
      append_as(bytes, type, static_cast<double>(random.real(-high, high)));
  }
}

/// Hand-written models: every .xml of the folder with the .weights beside it, in the order of their names.
void add_written(const fs::path& folder, std::vector<ModelFiles>& seeds) {
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".xml") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    fs::path weights = path;
    weights.replace_extension(".weights");
    seeds.push_back({path.stem().string(), content_of(path), weights_from_text(content_of(weights))});
  }
}

struct Shared {
  std::string_view name, xml, bin;  ///< paths below the shared folder's models, without extensions
};

constexpr std::array<Shared, 12> kShared = {{
    {"lenet_v7", "classification/lenet/v7/lenet", ""},
    {"lenet_v10", "classification/lenet/v10/lenet", ""},
    {"resnet8_v7", "classification/resnet8/v7/resnet8", ""},
    {"resnet8_v10", "classification/resnet8/v10/resnet8", ""},
    {"kws_v6", "classification/kws/v6/dscnn_kws", ""},
    {"kws_v10", "classification/kws/v10/dscnn_kws", ""},
    {"landmarks_v5", "zoo/v5_fp32/landmarks-regression-retail-0009", ""},
    {"landmarks_v6_fp16", "zoo/v6_fp16/landmarks-regression-retail-0009", ""},
    {"landmarks_v11", "zoo/v11_fp32/landmarks-regression-retail-0009", ""},
    {"landmarks_v11_int8", "zoo/v11_fp16-int8/landmarks-regression-retail-0009", ""},
    {"open_closed_eye_v11", "zoo/v11_fp32/open-closed-eye-0001", ""},
    {"landmarks_v6_int8", "int8_legacy/landmarks-regression-retail-0009_i8",
     "zoo/v6_fp32/landmarks-regression-retail-0009"},
}};

}  // namespace

std::string weights_from_text(const std::string& text) {
  std::string bytes, line;
  refcalib_test::Random random(1);
  std::istringstream lines(text);
  while (std::getline(lines, line)) {
    line.resize(std::min(line.find('#'), line.size()));
    if (line.find_first_not_of(" \t\r") != std::string::npos) append_line(bytes, line, random);
  }
  return bytes;
}

std::vector<ModelFiles> load_seeds(const fs::path& sources, const fs::path& shared) {
  std::vector<ModelFiles> seeds;
  for (const char* name : {"shapes_v7", "shapes_v11"}) {
    const fs::path path = sources / "examples" / "model" / name;
    seeds.push_back({name, content_of(path.string() + ".xml"), content_of(path.string() + ".bin")});
  }
  add_written(sources / "tests" / "fuzz" / "seeds", seeds);
  const fs::path models = shared / "models";
  if (shared.empty() || !fs::is_directory(models)) return seeds;
  for (const Shared& row : kShared) {
    const std::string xml = (models / row.xml).string() + ".xml";
    const std::string bin = (models / (row.bin.empty() ? row.xml : row.bin)).string() + ".bin";
    if (fs::exists(xml) && fs::exists(bin))
      seeds.push_back({std::string(row.name), content_of(xml), content_of(bin)});
  }
  return seeds;
}

}  // namespace refcalib_fuzz
