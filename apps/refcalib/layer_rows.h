#pragma once

#include <cstddef>
#include <string>

#include "engine/runtime/program.h"

namespace refcalib::app {

/// How much of a program runs in INT8, counted over the steps with multiply-accumulates.
struct PrecisionCount {
  std::size_t heavy = 0, int8 = 0;  ///< steps with multiply-accumulates; those of them in INT8
  double int8_macs_percent = 0;

  /// "INT8" if any step is, else "FP32".
  std::string name() const { return int8 > 0 ? "INT8" : "FP32"; }
};

PrecisionCount count_precisions(const engine::Program& program);

/// True if the step's arithmetic is in INT8.
bool is_int8(const engine::StepInfo& step);

/// Shapes of what a step writes: "[1,64,56,56]".
std::string output_shapes(const engine::Program& program, const engine::StepInfo& step);

/// Quantization of what a step writes: "scale 0.0235, zero point 12", "64 scales 0.01..0.2"; empty if in
/// float.
std::string output_scales(const engine::Program& program, const engine::StepInfo& step);

}  // namespace refcalib::app
