#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/ops/infer.h"
#include "engine/runtime/step.h"

namespace refcalib::engine {

/// The nearest integer, safe for coordinates that a network computes: NaN is 0, the rest within +-2^30.
inline std::int64_t to_index(float v) noexcept {
  constexpr float most = 1073741824.0F;
  return std::isnan(v) ? 0 : static_cast<std::int64_t>(std::clamp(v, -most, most));
}

/// Feature maps [N, C, H, W] in plain order.
struct FeatureMaps {
  const float* data = nullptr;
  std::int64_t batch = 1, channels = 1, height = 1, width = 1;

  explicit FeatureMaps(const Shape& s) : batch(s[0]), channels(s[1]), height(s[2]), width(s[3]) {}
  FeatureMaps with(const std::byte* memory) const noexcept {
    FeatureMaps bound = *this;
    bound.data = reinterpret_cast<const float*>(memory);
    return bound;
  }
  bool has_image(std::int64_t n) const noexcept { return n >= 0 && n < batch; }
  const float* map(std::int64_t n, std::int64_t c) const noexcept {
    return data + (n * channels + c) * height * width;
  }
  /// Bilinear value of a map at 0 <= y <= H - 1, 0 <= x <= W - 1; 0 outside and at NaN.
  float at(const float* map, float y, float x) const noexcept {
    const auto bottom = static_cast<float>(height - 1), right = static_cast<float>(width - 1);
    if (!(y >= 0 && y <= bottom && x >= 0 && x <= right)) return 0;
    const auto y0 = static_cast<std::int64_t>(y), x0 = static_cast<std::int64_t>(x);
    const std::int64_t y1 = std::min(y0 + 1, height - 1), x1 = std::min(x0 + 1, width - 1);
    const float fy = y - static_cast<float>(y0), fx = x - static_cast<float>(x0);
    const float *upper = map + y0 * width, *lower = map + y1 * width;
    const float above = upper[x0] + (upper[x1] - upper[x0]) * fx;
    const float below = lower[x0] + (lower[x1] - lower[x0]) * fx;
    return above + (below - above) * fy;
  }
};

/// Checks the features and regions of `columns` numbers of a pooling; returns the number of regions.
inline std::int64_t check_regions(const OpInputs& in, std::int64_t columns) {
  const Shape &features = in.shape(0), &regions = in.shape(1);
  require(features.size() == 4 && is_float(in.dtype(0)),
          "the features have the shape " + to_string(features) + ", expected 4 dimensions of floats");
  require(
      !regions.empty() && regions.back() == columns && is_float(in.dtype(1)),
      "the regions have the shape " + to_string(regions) + ", expected rows of " + std::to_string(columns));
  return element_count(regions) / columns;
}

/// Throws FormatError unless 0 < value < 2^15.
inline void require_pooled(std::int64_t value, const char* what) {
  require(value > 0 && value < (std::int64_t{1} << 15), std::string(what) + " is out of range");
}

}  // namespace refcalib::engine
