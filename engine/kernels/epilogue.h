#pragma once

#include <cstddef>
#include <cstdint>

namespace refcalib::engine::kernels {

/// What a convolution or matrix product does with one output value before it stores it; the same order on
/// every instruction set, every step rounded once:
///
///   f32 kernels:   y = acc                                  (acc starts from bias[c])
///   u8s8 kernels:  y = fma(float(acc + acc_offset[c]), scale[c], bias[c])
///   residual:      y = y + residual                                (f32 residual)
///                  y = fma(float(residual), residual_scale, y)     (u8 residual; bias holds its zero point)
///   activation:    y = y < 0 ? y * slope[c] : y             (only when slope != nullptr)
///                  y = min(max(y, low), high)               (always; -inf/+inf switch it off; NaN becomes
///                  low)
///   f32 output:    out = y
///   u8 output:     v = y * inv_scale[c]  (v = y without inv_scale: all above is in units of the output)
///                  v = min(max(v, float(0 - zero_point)), float(255 - zero_point));
///                  out = u8(round_half_even(v) + zero_point)
///
/// where min/max follow `a > b ? a : b` with the bound as the second operand, so NaN turns into the bound.
/// Every per-channel array holds `channels rounded up to a multiple of 64` elements (the padding is readable,
/// its values do not matter) and is indexed by the output channel.
struct Epilogue {
  const std::int32_t* acc_offset = nullptr;  ///< u8s8 only: -zero_point * sum_k w[c,k]
  const float* scale = nullptr;              ///< u8s8 only
  const float* bias = nullptr;               ///< never null (zeros if the layer has none)

  enum class Residual : std::uint8_t { none, f32, u8 };
  Residual residual_kind = Residual::none;
  float residual_scale = 0;  ///< u8 residual only

  const float* slope = nullptr;  ///< leaky ReLU / PReLU, per channel
  float low = 0;                 ///< lower clamp bound
  float high = 0;                ///< upper clamp bound

  enum class Output : std::uint8_t { f32, u8 };
  Output output_kind = Output::f32;
  const float* inv_scale = nullptr;  ///< u8 output only, per channel; nullptr: 1
  std::int32_t zero_point = 0;       ///< u8 output only, 0..255
  /// u8 output only: saturating while storing gives the bytes that the upper clamps give (see saturates()), so that they can be left
  /// out. Never needed for correctness.
  bool saturates = false;
};

/// What Epilogue::saturates says, for a u8s8 kernel: whatever the sum, the scaled value of every channel stays within int32, and
/// values above `high` become 255 anyway.
bool saturates(const Epilogue& epilogue, std::size_t channels) noexcept;

}  // namespace refcalib::engine::kernels
