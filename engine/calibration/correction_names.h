#pragma once

#include <span>
#include <string>
#include <string_view>

#include "engine/calibration/options.h"

namespace refcalib::engine {

/// A correction as people name it, and the option that switches it.
struct NamedCorrection {
  std::string_view name, summary;
  bool CalibrationOptions::*option;
  bool proven;  ///< needs samples and is kept only where held-back ones gain
  bool of_all;  ///< part of `all`
};

/// All of them, in the order in which they run. A new one is a row here.
std::span<const NamedCorrection> named_corrections();

/// Switches on what a list names, separated by commas, and everything else off. `all`: those that are part of it, which leaves out
/// 7-bit-weights (they cost precision and are for targets) and limits (it takes longer than all others, and none of the networks in
/// docs/accuracy.md gained by it); `none`; `default`: what the argument has. Throws UsageError for unknown names, with the nearest one.
void choose_corrections(const std::string& list, CalibrationOptions& options);

/// Whether one of those is on that samples must prove.
bool any_proven_correction(const CalibrationOptions& options);

/// Switches all of those off.
void drop_proven_corrections(CalibrationOptions& options);

}  // namespace refcalib::engine
