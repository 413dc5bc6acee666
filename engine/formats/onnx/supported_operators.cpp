#include <algorithm>
#include <map>

#include "engine/formats/onnx/model_file.h"
#include "engine/formats/onnx/onnx.h"
#include "engine/formats/onnx/operators.h"

namespace refcalib::engine::onnx {
namespace {

std::string integer_word(OnIntegers rule) {
  if (rule == OnIntegers::kept) return "moved";
  return rule == OnIntegers::read ? "read" : "";
}

}  // namespace

std::vector<SupportedOperator> supported_operators() {
  std::map<std::string, SupportedOperator> found;
  std::map<std::string, std::vector<int>> versions;
  for (const OperatorFamily family : operator_families())
    for (const Operator& entry : family()) {
      const std::string name =
          (entry.domain.empty() ? "" : std::string(entry.domain) + ".") + std::string(entry.type);
      found[name] = {name, {}, integer_word(entry.integers)};
      versions[name].push_back(std::max(entry.since, entry.domain.empty() ? kOldestOpset : 1));
    }
  std::vector<SupportedOperator> list;
  for (auto& [name, entry] : found) {
    std::sort(versions[name].begin(), versions[name].end());
    for (const int version : versions[name])
      entry.versions += (entry.versions.empty() ? "" : ", ") + std::to_string(version);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace refcalib::engine::onnx
