#include "engine/calibration/corrections.h"

#include <array>

#include "engine/calibration/bias_correction.h"

namespace refcalib::engine {
namespace {

constexpr std::array<Correction, 1> kCorrections{{
    {"bias correction", false, [](const CalibrationOptions& options) { return options.correct_bias; },
     correct_biases},
}};

}  // namespace

std::span<const Correction> corrections() {
  return kCorrections;
}

std::vector<std::string> run_corrections(CalibrationState& state) {
  std::vector<std::string> left_out;
  for (const Correction& correction : corrections()) {
    if (!correction.enabled(state.options)) continue;
    if (correction.needs_samples && state.samples == nullptr)
      left_out.emplace_back(correction.name);
    else
      correction.run(state);
  }
  return left_out;
}

}  // namespace refcalib::engine
