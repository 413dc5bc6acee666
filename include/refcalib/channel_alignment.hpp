#pragma once

// Channel alignment: moves the middle of every channel's range to zero, so that channels share one asymmetric scale without wasting
// levels (ChannelAlignment of NNCF). Valid between two convolutions or matrix products without an activation between them, and
// without zero padding in the second.

#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// Shifts m[i] = (low[i] + high[i]) / 2: the first layer's bias becomes b1 - m, the second's b2[o] + sum_i,k W2[o,i,k] * m[i].
/// Channels whose limits are not finite keep the shift 0. Throws std::invalid_argument if sizes differ or a low exceeds its high.
[[nodiscard]] inline std::vector<double> alignment_shifts(std::span<const double> low,
                                                          std::span<const double> high) {
  if (low.size() != high.size()) throw std::invalid_argument("alignment_shifts: sizes do not fit");
  std::vector<double> shifts(low.size(), 0.0);
  for (std::size_t i = 0; i < low.size(); ++i) {
    if (!std::isfinite(low[i]) || !std::isfinite(high[i])) continue;
    if (low[i] > high[i])
      throw std::invalid_argument("alignment_shifts: a lower limit lies above the upper one");
    shifts[i] = low[i] / 2 + high[i] / 2;
  }
  return shifts;
}

/// sum_i,k W[o,i,k] * value[i] for every output: what a shift of the inputs by `value` adds to outputs. `weights`: [outputs][depth],
/// where depth = value.size() * area, area elements of one input behind one another. Throws std::invalid_argument if sizes do not fit.
[[nodiscard]] inline std::vector<double> moved_by_inputs(std::span<const double> weights,
                                                         std::span<const double> value, std::size_t outputs) {
  if (outputs == 0 || value.empty() || weights.size() % (outputs * value.size()) != 0)
    throw std::invalid_argument("moved_by_inputs: sizes do not fit");
  const std::size_t depth = weights.size() / outputs, area = depth / value.size();
  std::vector<double> moved(outputs, 0.0);
  for (std::size_t o = 0; o < outputs; ++o)
    for (std::size_t k = 0; k < depth; ++k) moved[o] += weights[o * depth + k] * value[k / area];
  return moved;
}

}  // namespace refcalib
