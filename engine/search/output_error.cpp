#include "engine/search/output_error.h"

#include <algorithm>

namespace refcalib::engine {
namespace {

constexpr std::size_t kMost = 4096;

std::size_t stride(std::span<const float> values) {
  return std::max<std::size_t>(1, (values.size() + kMost - 1) / kMost);
}

}  // namespace

void ReferenceOutputs::keep(std::size_t sample, const NetworkRun& run, std::size_t row) {
  auto& outputs = samples_.at(sample);
  outputs.clear();
  for (const NetworkOutput& output : run.outputs) {
    const auto values = run.row(output, row);
    std::vector<float>& kept = outputs.emplace_back();
    for (std::size_t i = 0; i < values.size(); i += stride(values)) kept.push_back(values[i]);
  }
}

double ReferenceOutputs::error(std::size_t sample, const NetworkRun& run, std::size_t row) const {
  const auto& outputs = samples_.at(sample);
  if (outputs.empty()) return 0;
  double total = 0;
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    const auto values = run.row(run.outputs[k], row);
    double error = 0, square = 0;
    for (std::size_t i = 0, j = 0; i < values.size(); i += stride(values), ++j) {
      const double wanted = outputs[k][j], difference = wanted - static_cast<double>(values[i]);
      error += difference * difference;
      square += wanted * wanted;
    }
    total += error <= 0 ? 0.0 : error < square ? error / square : 1.0;
  }
  return total / static_cast<double>(outputs.size());
}

}  // namespace refcalib::engine
