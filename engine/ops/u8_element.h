#pragma once

#include <cmath>
#include <cstdint>

#include "engine/graph/quantization.h"

namespace refcalib::engine {

/// One range of u8 for plain loops, with the arithmetic of the kernels: stored = u8(round_half_even(clamp(y / scale)) + zero_point).
/// Rounding adds and takes away 1.5 * 2^23, which compilers turn into vectors on every instruction set.
struct U8Range {
  float scale = 1, inverse = 1;
  std::int32_t zero_point = 0;

  explicit U8Range(const Quantization& q)
      : scale(q.scale.front()), inverse(1.0F / q.scale.front()), zero_point(q.zero_point) {}

  float value(std::uint8_t stored) const noexcept {
    return static_cast<float>(std::int32_t{stored} - zero_point) * scale;
  }
  std::uint8_t stored(float y) const noexcept {
    constexpr float whole = 12582912.0F;
    const auto low = static_cast<float>(-zero_point), high = static_cast<float>(255 - zero_point);
    float v = y * inverse;
    v = v > low ? v : low;
    v = v < high ? v : high;
    return static_cast<std::uint8_t>(static_cast<std::int32_t>((v + whole) - whole) + zero_point);
  }
};

}  // namespace refcalib::engine
