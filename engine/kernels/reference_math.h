#pragma once

#include <cmath>
#include <cstdint>

/// Scalar steps that the normative references of several primitives share. Only references and tests include
/// this.
namespace refcalib::engine::kernels::reference {

/// `a > b ? a : b`: b where either is NaN. The second operand is the bound.
inline float max(float a, float b) noexcept {
  return a > b ? a : b;
}
/// `a < b ? a : b`: b where either is NaN.
inline float min(float a, float b) noexcept {
  return a < b ? a : b;
}

/// u8(round_half_even(clamp(y * inv_scale)) + zero_point), the rounding mode being the default one.
inline std::uint8_t quantize(float y, float inv_scale, std::int32_t zero_point) noexcept {
  const float v =
      min(max(y * inv_scale, static_cast<float>(0 - zero_point)), static_cast<float>(255 - zero_point));
  return static_cast<std::uint8_t>(static_cast<std::int32_t>(std::nearbyint(v)) + zero_point);
}

inline float dequantize(std::uint8_t q, float scale, std::int32_t zero_point) noexcept {
  return static_cast<float>(static_cast<std::int32_t>(q) - zero_point) * scale;
}

}  // namespace refcalib::engine::kernels::reference
