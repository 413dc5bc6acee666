#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/calibration/options.h"

namespace refcalib::engine {

/// A bundle of options under a name. A new one is a row in the table.
struct Preset {
  std::string_view name;
  std::string_view summary;  ///< for help texts
  void (*apply)(CalibrationOptions& options);
  /// Share of samples whose best class INT8 is expected to keep (same_class.h): layers of classifiers stay in float until it does; 0: none.
  double same_class = 0;
};

/// All presets, fastest first.
std::span<const Preset> presets();

/// Throws UsageError naming the known ones, and the nearest, for another name.
const Preset& find_preset(const std::string& name);

/// The preset of whoever names none; the defaults of CalibrationOptions are its options.
inline constexpr std::string_view kDefaultPreset = "mixed";

}  // namespace refcalib::engine
