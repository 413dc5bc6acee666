#include "engine/ops/channel_arrays.h"

#include <algorithm>

namespace refcalib::engine {

std::vector<float> channel_array(const std::vector<float>& values, std::int64_t channels) {
  const auto count = static_cast<std::size_t>(channels);
  std::vector<float> out((count + 63) / 64 * 64, 0.0F);
  for (std::size_t c = 0; c < count; ++c) out[c] = values[values.size() == 1 ? 0 : c];
  return out;
}

std::vector<float> channel_scales(const Quantization& q, std::int64_t channels) {
  return channel_array(q.scale, channels);
}

std::vector<float> channel_inverse_scales(const Quantization& q, std::int64_t channels) {
  std::vector<float> inverse = q.scale;
  for (float& s : inverse) s = 1.0F / s;
  return channel_array(inverse, channels);
}

}  // namespace refcalib::engine
