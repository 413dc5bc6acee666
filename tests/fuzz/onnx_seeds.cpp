#include <array>
#include <fstream>
#include <iterator>

#include "tests/fuzz/seeds.h"
#include "tests/onnx/operator_cases.h"
#include "tests/onnx/quantized_models.h"

namespace refcalib_fuzz {

std::vector<ModelFiles> load_onnx_seeds(const std::filesystem::path& shared) {
  std::vector<ModelFiles> seeds;
  const auto add = [&](const std::string& name, const refcalib_test::OnnxModel& model) {
    ModelFiles files{name, {}, {}, ".onnx"};
    model.proto.SerializeToString(&files.xml);
    seeds.push_back(std::move(files));
  };
  for (const refcalib_test::OperatorCase& one : refcalib_test::operator_cases()) add(one.name, one.model);
  for (const refcalib_test::OperatorCase& one : refcalib_test::quantized_models()) add(one.name, one.model);
  constexpr std::array<const char*, 3> networks = {"classification/resnet8/resnet8.onnx",
                                                   "classification/kws/dscnn_kws.onnx",
                                                   "classification/vww/mobilenet_v1_025_vww96.onnx"};
  for (const char* network : networks) {
    std::ifstream file(shared / "models" / network, std::ios::binary);
    if (shared.empty() || !file) continue;
    seeds.push_back({network, std::string(std::istreambuf_iterator<char>(file), {}), {}, ".onnx"});
  }
  return seeds;
}

}  // namespace refcalib_fuzz
