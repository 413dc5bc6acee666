#pragma once

// Quantize, dequantize and fake-quantize. The scalar functions are the specification; the span forms equal
// them element by element on every architecture.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/detail/simd.hpp>
#include <refcalib/params.hpp>
#include <span>
#include <type_traits>

namespace refcalib {

/// The storage types of quantized tensors.
template <class T>
concept QuantizedInteger = std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::uint8_t> ||
    std::is_same_v<T, std::int16_t> || std::is_same_v<T, std::uint16_t>;

/// q = clamp(round_half_even(x * (1 / scale)) + zero_point, qmin, qmax), 1 / scale being the float nearest to
/// the reciprocal: a multiplication, not a division, because that is what the engine's kernels execute.
///
/// Order of operations: multiply, clamp in float to [qmin - zero_point, qmax - zero_point], round, add the
/// zero point. Clamping first gives the same result (both bounds are integers) and lets infinities and huge
/// values saturate. NaN gives qmin. Rounding is the default mode of the floating-point environment: to
/// nearest, ties to even. `params` must satisfy check(params). For x inside representable_range,
/// |dequantize(q) - x| <= scale / 2, plus the rounding of x / scale (relative 2^-23).
[[nodiscard]] inline std::int32_t quantize(float x, const QuantParams& params) {
  const float low = static_cast<float>(params.levels.qmin - params.zero_point);
  const float high = static_cast<float>(params.levels.qmax - params.zero_point);
  float v = x * (1.0F / params.scale);
  v = v > low ? v : low;
  v = v < high ? v : high;
  return static_cast<std::int32_t>(std::lrint(v)) + params.zero_point;
}

/// real = float(q - zero_point) * scale, rounded once. q need not be one of the levels; q - zero_point must
/// not overflow.
[[nodiscard]] inline float dequantize(std::int32_t q, const QuantParams& params) {
  return static_cast<float>(q - params.zero_point) * params.scale;
}

/// dequantize(quantize(x)): what x becomes by passing through the integers. NaN becomes the lowest
/// representable value.
[[nodiscard]] inline float fake_quantize(float x, const QuantParams& params) {
  return dequantize(quantize(x, params), params);
}

namespace detail {

/// Throws unless the parameters are valid, the lengths are equal and the levels fit T (T = float: no levels
/// to fit).
template <class Arch, class T>
void check_span_call(const QuantParams& params, std::size_t in, std::size_t out) {
  check(params);
  if (in != out) fail<Arch>("quantization: input and output differ in length");
  if constexpr (std::is_integral_v<T>) {
    if (params.levels.qmin < std::numeric_limits<T>::min() ||
        params.levels.qmax > std::numeric_limits<T>::max()) {
      fail<Arch>("quantization: levels do not fit the integer type");
    }
  }
}

/// The constants of quantize(), spread over a register.
template <class Arch>
struct QuantizeConstants {
  explicit QuantizeConstants(const QuantParams& params)
      : inverse(1.0F / params.scale),
        low(static_cast<float>(params.levels.qmin - params.zero_point)),
        high(static_cast<float>(params.levels.qmax - params.zero_point)),
        zero_point(params.zero_point) {}

  /// round_half_even(clamp(x / scale)): the code relative to the zero point.
  [[nodiscard]] Batch<std::int32_t, Arch> centred(Batch<float, Arch> x) const {
    return round_to_int<Arch>(clamp_nan_to_low<Arch>(x * inverse, low, high));
  }

  Batch<float, Arch> inverse;
  Batch<float, Arch> low;
  Batch<float, Arch> high;
  Batch<std::int32_t, Arch> zero_point;
};

}  // namespace detail

/// out[i] = quantize(x[i], params) for every i; the result does not depend on Arch.
/// Throws std::invalid_argument if the lengths differ, the parameters are invalid or the levels do not fit T.
template <QuantizedInteger T, class Arch = DefaultArch>
void quantize(std::span<const float> x, std::span<T> out, const QuantParams& params) {
  detail::check_span_call<Arch, T>(params, x.size(), out.size());
  const detail::QuantizeConstants<Arch> constants(params);
  detail::transform_blocks<Arch>(x.data(), out.data(), x.size(), [&](const float* in, T* q) {
    constexpr std::size_t lanes = detail::kLanes<Arch>;
    alignas(64) std::array<std::int32_t, detail::kBlock<Arch>> codes;
    for (std::size_t u = 0; u < detail::kBlock<Arch>; u += lanes) {
      const auto v = detail::Batch<float, Arch>::load_unaligned(in + u);
      (constants.centred(v) + constants.zero_point).store_aligned(codes.data() + u);
    }
    detail::store_narrow<Arch>(codes, q);
  });
}

/// out[i] = dequantize(q[i], params) for every i; the result does not depend on Arch.
/// Throws std::invalid_argument if the lengths differ, the parameters are invalid or the levels do not fit T.
template <QuantizedInteger T, class Arch = DefaultArch>
void dequantize(std::span<const T> q, std::span<float> out, const QuantParams& params) {
  detail::check_span_call<Arch, T>(params, q.size(), out.size());
  const detail::Batch<float, Arch> scale(params.scale);
  const detail::Batch<std::int32_t, Arch> zero_point(params.zero_point);
  detail::transform_blocks<Arch>(q.data(), out.data(), q.size(), [&](const T* in, float* real) {
    constexpr std::size_t lanes = detail::kLanes<Arch>;
    alignas(64) std::array<std::int32_t, detail::kBlock<Arch>> codes;
    for (std::size_t u = 0; u < codes.size(); ++u) codes[u] = in[u];
    for (std::size_t u = 0; u < codes.size(); u += lanes) {
      const auto code = detail::Batch<std::int32_t, Arch>::load_aligned(codes.data() + u);
      (xsimd::to_float(code - zero_point) * scale).store_unaligned(real + u);
    }
  });
}

/// out[i] = fake_quantize(x[i], params) for every i; in place (out.data() == x.data()) is allowed.
/// Throws std::invalid_argument if the lengths differ or the parameters are invalid.
template <class Arch = DefaultArch>
void fake_quantize(std::span<const float> x, std::span<float> out, const QuantParams& params) {
  detail::check_span_call<Arch, float>(params, x.size(), out.size());
  const detail::QuantizeConstants<Arch> constants(params);
  const detail::Batch<float, Arch> scale(params.scale);
  detail::transform_blocks<Arch>(x.data(), out.data(), x.size(), [&](const float* in, float* real) {
    for (std::size_t u = 0; u < detail::kBlock<Arch>; u += detail::kLanes<Arch>) {
      const auto v = detail::Batch<float, Arch>::load_unaligned(in + u);
      (xsimd::to_float(constants.centred(v)) * scale).store_unaligned(real + u);
    }
  });
}

}  // namespace refcalib
