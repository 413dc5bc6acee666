#pragma once

// Bias correction: a bias that takes up what quantization adds to a layer's outputs on average.

#include <cstddef>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// The analytic form (Nagel et al. 2019, section 4.2): b'[o] = b[o] - sum_k (quantized[o,k] - weights[o,k]) * mean[k].
/// `weights`, `quantized` (as real numbers): [outputs][depth]; `mean`: [depth], mean input under each weight. No layer is skipped and no
/// correction is limited: a bias of zero is corrected like any other. Throws std::invalid_argument if sizes do not fit.
[[nodiscard]] inline std::vector<double> corrected_bias(std::span<const double> bias,
                                                        std::span<const double> weights,
                                                        std::span<const double> quantized,
                                                        std::span<const double> mean) {
  if (weights.size() != quantized.size() || weights.size() != bias.size() * mean.size())
    throw std::invalid_argument("corrected_bias: sizes do not fit");
  std::vector<double> corrected(bias.begin(), bias.end());
  for (std::size_t o = 0; o < bias.size(); ++o)
    for (std::size_t k = 0; k < mean.size(); ++k)
      corrected[o] -= (quantized[o * mean.size() + k] - weights[o * mean.size() + k]) * mean[k];
  return corrected;
}

/// The full form, where the inputs moved too: b'[o] = b[o] + sum_k weights[o,k] * reference[k] - quantized[o,k] * actual[k], with the mean
/// inputs of the float network and of the network whose earlier layers are quantized and corrected. Then the mean output is that
/// of the float layer. Throws std::invalid_argument if sizes do not fit.
[[nodiscard]] inline std::vector<double> corrected_bias(std::span<const double> bias,
                                                        std::span<const double> weights,
                                                        std::span<const double> quantized,
                                                        std::span<const double> reference,
                                                        std::span<const double> actual) {
  if (weights.size() != quantized.size() || reference.size() != actual.size() ||
      weights.size() != bias.size() * actual.size())
    throw std::invalid_argument("corrected_bias: sizes do not fit");
  const std::size_t depth = actual.size();
  std::vector<double> corrected(bias.begin(), bias.end());
  for (std::size_t o = 0; o < bias.size(); ++o)
    for (std::size_t k = 0; k < depth; ++k)
      corrected[o] += weights[o * depth + k] * reference[k] - quantized[o * depth + k] * actual[k];
  return corrected;
}

}  // namespace refcalib
