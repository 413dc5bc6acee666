#pragma once

// SmoothQuant: factors that move part of the spread of activations into weights (Xiao et al., "SmoothQuant: Accurate and Efficient
// Post-Training Quantization for Large Language Models", 2022, equation 4).

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// s[j] = activations[j]^alpha / weights[j]^(1 - alpha): activations are divided by it, row j of the weights is multiplied. `activations`,
/// `weights`: largest magnitudes per input channel. Channels where one of them is zero or not finite keep the factor 1; others are at least
/// `least`. Throws std::invalid_argument if sizes differ or alpha lies outside [0, 1].
[[nodiscard]] inline std::vector<double> smooth_scales(std::span<const double> activations,
                                                       std::span<const double> weights, double alpha = 0.5,
                                                       double least = 1e-5) {
  if (activations.size() != weights.size()) throw std::invalid_argument("smooth_scales: sizes do not fit");
  if (!(alpha >= 0 && alpha <= 1)) throw std::invalid_argument("smooth_scales: alpha must lie in [0, 1]");
  const auto usable = [](double v) { return std::isfinite(v) && v > 0; };
  std::vector<double> scales(activations.size(), 1.0);
  for (std::size_t j = 0; j < scales.size(); ++j)
    if (usable(activations[j]) && usable(weights[j]))
      scales[j] = std::max(least, std::pow(activations[j], alpha) / std::pow(weights[j], 1 - alpha));
  return scales;
}

}  // namespace refcalib
