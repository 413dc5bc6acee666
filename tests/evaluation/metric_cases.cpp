// Reads cases `{"metric": {...}, "labels": n, "background": k, "samples": [...]}`, one JSON object a line, and
// prints the metric's values and its one number for each: what metrics_reference.py compares with other
// implementations.
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/evaluation/metric_support.h"

using nlohmann::json;
using namespace refcalib::engine;

namespace {

std::vector<Box> boxes_of(const json& list) {
  std::vector<Box> boxes;
  for (const json& b : list) boxes.push_back({b[0], b[1], b[2], b[3]});
  return boxes;
}

Plane<float> plane_of(const json& j) {
  return {j["channels"], 1, j["height"], j["width"], j["values"].get<std::vector<float>>()};
}

refcalib_test::Sample sample_of(const json& j) {
  if (j.contains("scores") && j.contains("label"))
    return {ClassTruth{j["label"]}, ClassPrediction{j["scores"].get<std::vector<float>>()}};
  if (j.contains("real"))
    return {ValuesTruth{j["real"].get<std::vector<double>>()},
            ValuesPrediction{j["seen"].get<std::vector<double>>()}};
  if (j.contains("mask")) {
    const int width = j["width"];
    const auto mask = j["mask"].get<std::vector<std::int32_t>>();
    const int height = static_cast<int>(mask.size()) / width;
    return {MaskTruth{"", {1, 1, height, width, mask}},
            MaskPrediction{{1, 1, height, width, j["seen"].get<std::vector<float>>()}, true}};
  }
  if (j.contains("picture"))
    return {PictureTruth{"", plane_of(j["picture"])}, PicturePrediction{plane_of(j["drawn"])}};
  if (j.contains("user")) return {ItemTruth{j["user"], j["item"], j["positive"]}, ItemPrediction{j["score"]}};
  return {
      BoxTruth{boxes_of(j["objects"]), j["labels"].get<std::vector<std::int64_t>>(),
               j["difficult"].get<std::vector<std::uint8_t>>(), j["crowd"].get<std::vector<std::uint8_t>>()},
      BoxPrediction{boxes_of(j["boxes"]), j["box_labels"].get<std::vector<std::int64_t>>(),
                    j["box_scores"].get<std::vector<float>>()}};
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const json item = json::parse(line);
    std::vector<std::pair<std::string, std::string>> entries;
    for (const auto& [key, value] : item["metric"].items())
      entries.emplace_back(key, value.get<std::string>());
    DatasetMeta meta = refcalib_test::letters(item["labels"]);
    if (item.contains("background")) meta.background = item["background"].get<std::int64_t>();
    const auto metric = refcalib_test::metric_of(entries, meta);
    std::vector<refcalib_test::Sample> samples;
    for (const json& sample : item["samples"]) samples.push_back(sample_of(sample));
    const auto values = refcalib_test::values_of(*metric, samples);
    const double value = metric->value(std::vector<std::uint32_t>(samples.size(), 1));
    std::cout << json{{"values", values}, {"value", value}}.dump() << "\n";  // NaN becomes null
  }
}
