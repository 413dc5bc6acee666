#include "engine/ops/deconvolution_phases.h"

#include <algorithm>

namespace refcalib::engine {

// Output o = first + n * stride. With o + pad = stride * t + r, 0 <= r < stride, the tap k contributes x[i] for i * stride = stride * t + r -
// k * dilation, so it must have k * dilation = stride * m + r, and then i = t - m. Those k form an arithmetic progression, and so do their m.
DeconvolutionPhase deconvolution_phase(const DeconvolutionAxis& axis, std::int64_t first) {
  DeconvolutionPhase phase;
  phase.first = first;
  phase.count = (axis.out - first + axis.stride - 1) / axis.stride;
  const std::int64_t rest = ((first + axis.pad) % axis.stride + axis.stride) % axis.stride;
  const std::int64_t start = (first + axis.pad - rest) / axis.stride;
  std::vector<std::int64_t> distances;
  for (std::int64_t k = 0; k < axis.kernel; ++k) {
    if (k * axis.dilation % axis.stride != rest) continue;
    phase.taps.push_back(k);
    distances.push_back((k * axis.dilation - rest) / axis.stride);
  }
  if (phase.taps.empty()) return phase;
  std::reverse(phase.taps.begin(), phase.taps.end());  // so that the inputs ascend
  if (distances.size() > 1) phase.dilation = distances[1] - distances[0];
  phase.pad = distances.back() - start;
  return phase;
}

}  // namespace refcalib::engine
