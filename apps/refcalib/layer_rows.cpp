#include "apps/refcalib/layer_rows.h"

#include <algorithm>

#include "apps/refcalib/text.h"

namespace refcalib::app {

bool is_int8(const engine::StepInfo& step) {
  return step.precision == "I8";
}

PrecisionCount count_precisions(const engine::Program& program) {
  PrecisionCount count;
  double macs = 0, int8_macs = 0;
  for (const engine::StepInfo& step : program.steps()) {
    if (step.macs == 0) continue;
    ++count.heavy;
    macs += static_cast<double>(step.macs);
    if (!is_int8(step)) continue;
    ++count.int8;
    int8_macs += static_cast<double>(step.macs);
  }
  if (macs > 0) count.int8_macs_percent = 100.0 * int8_macs / macs;
  return count;
}

std::string output_shapes(const engine::Program& program, const engine::StepInfo& step) {
  std::string text;
  for (const engine::ValueId id : step.outputs)
    text += (text.empty() ? "" : " ") + engine::to_string(program.graph().value(id).shape);
  return text;
}

std::string output_scales(const engine::Program& program, const engine::StepInfo& step) {
  std::string text;
  for (const engine::ValueId id : step.outputs) {
    const engine::Value& value = program.graph().value(id);
    if (!value.quantization || value.quantization->scale.empty() || value.dtype != engine::DType::u8)
      continue;
    const auto& scale = value.quantization->scale;
    const auto [low, high] = std::minmax_element(scale.begin(), scale.end());
    text += (text.empty() ? "" : "; ") + significant(static_cast<double>(*low), 4);
    if (scale.size() > 1)
      text += ".." + significant(static_cast<double>(*high), 4) + " x" + std::to_string(scale.size());
    text += " zp " + std::to_string(value.quantization->zero_point);
  }
  return text;
}

}  // namespace refcalib::app
