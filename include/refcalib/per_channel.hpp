#pragma once

// Symmetric quantization of weights, one scale per output channel or one for the whole tensor.
// Weights are a dense row-major matrix [channels][depth]: output channel first, everything that is summed
// over (input channels, kernel height and width) behind it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/params.hpp>
#include <refcalib/quantize.hpp>
#include <span>
#include <stdexcept>
#include <vector>

namespace refcalib {

/// Weights ready for a kernel that computes sum_k (x_k - zero_point) * w_k = sum_k x_k * w_k - zero_point *
/// sums[c].
struct QuantizedWeights {
  std::vector<std::int8_t> values;  ///< [channels][depth]
  std::vector<float> scales;        ///< [channels]; real weight = value * scales[channel]
  std::vector<std::int32_t> sums;   ///< [channels]: sum of the values of a channel
};

namespace detail {

/// Depth of a [channels][depth] matrix; throws unless the channels divide the length.
inline std::size_t weight_depth(std::span<const float> weights, std::size_t channels) {
  if (channels == 0 || weights.size() % channels != 0) {
    throw std::invalid_argument("weights: the number of channels does not divide the length");
  }
  return weights.size() / channels;
}

/// Largest magnitude of a row; throws for NaN and infinities.
inline float largest_magnitude(std::span<const float> row) {
  float largest = 0.0F;
  for (const float v : row) {
    if (!std::isfinite(v)) throw std::invalid_argument("weights: NaN or infinite value");
    largest = std::max(largest, std::fabs(v));
  }
  return largest;
}

}  // namespace detail

/// scales[c] = max_k |w[c][k]| / qmax, the symmetric scale of every output channel. A channel of zeros gets
/// scale 1; no scale is below kMinScale (2^-126), so that its reciprocal is finite: a channel whose weights
/// are all below 2^-127 becomes zero. Throws std::invalid_argument if channels does not divide the length,
/// for NaN and infinities, and for levels that are invalid or unsigned.
[[nodiscard]] inline std::vector<float> weight_scales(std::span<const float> weights, std::size_t channels,
                                                      Levels levels = kInt8Narrow) {
  const std::size_t depth = detail::weight_depth(weights, channels);
  check(levels);
  if (!levels.is_signed()) throw std::invalid_argument("weight_scales: levels must be signed");
  std::vector<float> scales(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const float reach = detail::largest_magnitude(weights.subspan(c * depth, depth));
    scales[c] = choose_symmetric({-reach, reach}, levels).scale;
  }
  return scales;
}

/// values[c][k] = quantize(w[c][k], {scales[c], 0, levels}) and the sums of every channel.
/// Within the range of a scale |value * scale - w| <= scale / 2 (plus a relative 2^-23 of w).
/// Throws std::invalid_argument if scales.size() does not divide the length, for NaN and infinities, for
/// levels outside INT8, for invalid scales, and if depth * 128 could overflow a 32-bit sum (depth > 2^24 -
/// 1).
[[nodiscard]] inline QuantizedWeights quantize_weights(std::span<const float> weights,
                                                       std::span<const float> scales,
                                                       Levels levels = kInt8Narrow) {
  const std::size_t depth = detail::weight_depth(weights, scales.size());
  if (depth >= std::size_t{1} << 24)
    throw std::invalid_argument("quantize_weights: 32-bit channel sums may overflow");
  QuantizedWeights result;
  result.values.resize(weights.size());
  result.scales.assign(scales.begin(), scales.end());
  result.sums.assign(scales.size(), 0);
  for (std::size_t c = 0; c < scales.size(); ++c) {
    const std::span<const float> row = weights.subspan(c * depth, depth);
    (void)detail::largest_magnitude(row);
    const std::span<std::int8_t> out = std::span<std::int8_t>(result.values).subspan(c * depth, depth);
    quantize<std::int8_t>(row, out, QuantParams{scales[c], 0, levels});
    for (const std::int8_t q : out) result.sums[c] += q;
  }
  return result;
}

/// Per-channel scales and quantization in one call: weight_scales, then quantize_weights.
[[nodiscard]] inline QuantizedWeights quantize_weights_per_channel(std::span<const float> weights,
                                                                   std::size_t channels,
                                                                   Levels levels = kInt8Narrow) {
  return quantize_weights(weights, weight_scales(weights, channels, levels), levels);
}

/// One scale for all channels (max |w| / qmax), repeated in `scales`.
[[nodiscard]] inline QuantizedWeights quantize_weights_per_tensor(std::span<const float> weights,
                                                                  std::size_t channels,
                                                                  Levels levels = kInt8Narrow) {
  (void)detail::weight_depth(weights, channels);
  const std::vector<float> scales(channels, weight_scales(weights, 1, levels).front());
  return quantize_weights(weights, scales, levels);
}

/// Multiplies every weight by the scale of its input channel: out[o][i][s] = w[o][i][s] * input_scales[i],
/// with i < input_scales.size() and s < spatial. With inputs divided by the same scales the layer's result is
/// unchanged; this is how per-input-channel activation scales (legacy IR statistics) are folded into the
/// weights. Throws std::invalid_argument if input_scales.size() * spatial does not divide the length.
[[nodiscard]] inline std::vector<float> scale_input_channels(std::span<const float> weights,
                                                             std::span<const float> input_scales,
                                                             std::size_t spatial) {
  const std::size_t depth = input_scales.size() * spatial;
  if (depth == 0 || weights.size() % depth != 0) {
    throw std::invalid_argument("scale_input_channels: input channels * spatial does not divide the length");
  }
  std::vector<float> out(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i)
    out[i] = weights[i] * input_scales[(i / spatial) % input_scales.size()];
  return out;
}

}  // namespace refcalib
