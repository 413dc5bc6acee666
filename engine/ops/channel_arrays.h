#pragma once

#include <cstdint>
#include <vector>

#include "engine/graph/quantization.h"

namespace refcalib::engine {

/// `values` (one, or one per channel) for every channel, padded to the multiple of 64 that kernels may read.
std::vector<float> channel_array(const std::vector<float>& values, std::int64_t channels);

/// Scales, or their reciprocals, per channel and padded.
std::vector<float> channel_scales(const Quantization& q, std::int64_t channels);
std::vector<float> channel_inverse_scales(const Quantization& q, std::int64_t channels);

}  // namespace refcalib::engine
