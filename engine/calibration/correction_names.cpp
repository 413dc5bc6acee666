#include "engine/calibration/correction_names.h"

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

constexpr std::array<NamedCorrection, 9> kNames{{
    {"fast-bias", "biases take up what rounding the weights adds on average",
     &CalibrationOptions::correct_bias, false, true},
    {"7-bit-weights", "weights of 7 bits, for machines that add pairs of products in 16 bits",
     &CalibrationOptions::seven_bit_weights, false, false},
    {"equalization", "channels scaled so that they share a scale well", &CalibrationOptions::equalize, true,
     true},
    {"absorption", "high biases moved behind a ReLU", &CalibrationOptions::absorb_biases, true, true},
    {"alignment", "middles of channels moved to zero", &CalibrationOptions::align_channels, true, true},
    {"smooth-inputs", "spread of inputs of matrix products moved into their weights",
     &CalibrationOptions::smooth_inputs, true, true},
    {"limits", "limits of values by the error of the answer", &CalibrationOptions::refine_limits, true,
     false},
    {"full-bias", "biases corrected layer by layer behind what was corrected before",
     &CalibrationOptions::full_bias_correction, true, true},
    {"rounding", "weights rounded so that a layer's outputs move least", &CalibrationOptions::refine_rounding,
     true, true},
}};

void switch_on(const std::string& name, CalibrationOptions& options) {
  const auto found =
      std::find_if(kNames.begin(), kNames.end(), [&](const NamedCorrection& c) { return c.name == name; });
  if (found != kNames.end()) {
    options.*found->option = true;
    return;
  }
  std::set<std::string> names{"all", "none", "default"};
  std::string known = "all, none, default";
  for (const NamedCorrection& c : kNames) {
    names.emplace(c.name);
    known += ", " + std::string(c.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError("unknown correction '" + name + "'" +
                   (nearest.empty() ? "" : " (is '" + nearest + "' meant?)") + "; known: " + known);
}

}  // namespace

std::span<const NamedCorrection> named_corrections() {
  return kNames;
}

void choose_corrections(const std::string& list, CalibrationOptions& options) {
  const CalibrationOptions before = options;
  for (const NamedCorrection& c : kNames) options.*c.option = false;
  std::istringstream stream(list);
  for (std::string name; std::getline(stream, name, ',');) {
    if (name == "none") continue;
    for (const NamedCorrection& c : kNames) {
      if (name == "default" && before.*c.option) options.*c.option = true;
      if (name == "all" && c.of_all) options.*c.option = true;
    }
    if (name != "default" && name != "all") switch_on(name, options);
  }
}

bool any_proven_correction(const CalibrationOptions& options) {
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](const NamedCorrection& c) { return c.proven && options.*c.option; });
}

void drop_proven_corrections(CalibrationOptions& options) {
  for (const NamedCorrection& c : kNames)
    if (c.proven) options.*c.option = false;
}

}  // namespace refcalib::engine
