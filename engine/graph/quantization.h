#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace refcalib::engine {

/// How a value is represented by integers: real = scale[c] * (q - zero_point).
/// Activations: q is u8 (0..255), scale has one element or one per channel (dimension 1). The zero point is one for all channels but for
/// concatenated ones (zero_points), which convolutions alone read.
/// Weights: q is s8 (-127..127 or -128..127), zero_point 0, scale has one element or one per output channel.
struct Quantization {
  std::vector<float> scale;
  std::int32_t zero_point = 0;
  std::int32_t qmin = 0;
  std::int32_t qmax = 255;
  /// One per channel where channels of different zero points were concatenated, otherwise empty: zero_point counts for all.
  std::vector<std::int32_t> zero_points = {};

  bool per_channel() const noexcept { return scale.size() > 1; }
  std::int32_t zero_point_of(std::size_t channel) const noexcept {
    return zero_points.empty() ? zero_point : zero_points[channel];
  }
  friend bool operator==(const Quantization&, const Quantization&) = default;
};

/// How the name of a constant ends that calibration put in a bias's place.
inline constexpr std::string_view kCorrectedBiasSuffix = "/corrected_bias";

/// Limits of a FakeQuantize with equal input and output ranges. `low` <= 0 <= `high`, levels 255 or 256.
struct QuantizationRange {
  float low = 0;
  float high = 0;
};

/// The parameters that execute a range, derived from the limits as a file states them, so that a model calibrated in
/// memory and the same model read back run alike:
///   scale = (high - low) / (levels - 1), zero_point = round_half_even(-low / scale), q in [0, levels - 1].
/// A range without extent gives scale 1.
Quantization activation_quantization(const std::vector<QuantizationRange>& per_channel_or_one,
                                     std::int32_t levels);

/// Symmetric weights: scale[c] = high[c] / (levels / 2 rounded down), q in +-(levels / 2); levels 255 gives +-127.
Quantization weight_quantization(const std::vector<QuantizationRange>& per_channel_or_one,
                                 std::int32_t levels);

}  // namespace refcalib::engine
