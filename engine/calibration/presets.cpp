#include "engine/calibration/presets.h"

#include <array>
#include <set>

#include "engine/calibration/correction_names.h"
#include "engine/calibration/name_pattern.h"
#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

constexpr std::array<Preset, 3> kPresets{{
    {"performance", "symmetric weights and activations",
     [](CalibrationOptions& o) { o.activations = "symmetric"; }},
    {"mixed", "symmetric weights, asymmetric activations",
     [](CalibrationOptions& o) { o.activations = "asymmetric"; }},
    {"accuracy", "asymmetric activations, all corrections, and layers in FP32 where classes would change",
     [](CalibrationOptions& o) {
       o.activations = "asymmetric";
       choose_corrections("all", o);
     },
     0.98},
}};

}  // namespace

std::span<const Preset> presets() {
  return kPresets;
}

const Preset& find_preset(const std::string& name) {
  std::string known;
  std::set<std::string> names;
  for (const Preset& preset : kPresets) {
    if (preset.name == name) return preset;
    known += (known.empty() ? "" : ", ") + std::string(preset.name);
    names.emplace(preset.name);
  }
  const std::string nearest = nearest_name(name, names);
  throw UsageError("unknown preset '" + name + "'" +
                   (nearest.empty() ? "" : " (is '" + nearest + "' meant?)") + "; known: " + known);
}

}  // namespace refcalib::engine
