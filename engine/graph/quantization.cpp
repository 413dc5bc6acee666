#include "engine/graph/quantization.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

void check(const std::vector<QuantizationRange>& ranges, std::int32_t levels) {
  if (levels < 2 || levels > 256)
    throw UsageError("quantization with " + std::to_string(levels) +
                     " levels; 8-bit integers allow 2 to 256");
  if (ranges.empty()) throw UsageError("quantization without a range");
  for (const QuantizationRange& range : ranges)
    if (!std::isfinite(range.low) || !std::isfinite(range.high) || range.low > range.high)
      throw UsageError("quantization range " + std::to_string(range.low) + " to " +
                       std::to_string(range.high) + " is not a finite interval");
}

}  // namespace

Quantization activation_quantization(const std::vector<QuantizationRange>& ranges, std::int32_t levels) {
  check(ranges, levels);
  Quantization result;
  result.qmax = levels - 1;
  result.scale.reserve(ranges.size());
  bool zero_point_known = false;
  for (const QuantizationRange& range : ranges) {
    const float extent = range.high - range.low;
    const float scale = extent / static_cast<float>(levels - 1);
    // An infinite extent or a scale that underflows cannot be executed.
    if (!(scale > 0.0f) || !std::isfinite(scale)) {
      result.scale.push_back(1.0f);
      continue;
    }
    result.scale.push_back(scale);
    const double zero = std::nearbyint(-static_cast<double>(range.low) / static_cast<double>(scale));
    const auto zero_point = static_cast<std::int32_t>(std::clamp(zero, 0.0, static_cast<double>(levels - 1)));
    if (zero_point_known && zero_point != result.zero_point)
      throw UsageError("channels of one value need different zero points (" +
                       std::to_string(result.zero_point) + " and " + std::to_string(zero_point) + ")");
    result.zero_point = zero_point;
    zero_point_known = true;
  }
  return result;
}

Quantization weight_quantization(const std::vector<QuantizationRange>& ranges, std::int32_t levels) {
  check(ranges, levels);
  Quantization result;
  const std::int32_t limit = levels / 2;
  result.qmin = -limit;
  result.qmax = levels % 2 == 0 ? limit - 1 : limit;
  result.scale.reserve(ranges.size());
  for (const QuantizationRange& range : ranges) {
    const float scale = range.high / static_cast<float>(limit);
    result.scale.push_back(scale > 0.0f && std::isfinite(scale) ? scale : 1.0f);
  }
  return result;
}

}  // namespace refcalib::engine
