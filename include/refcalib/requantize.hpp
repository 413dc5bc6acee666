#pragma once

// From int32 accumulators to narrow integers: by a float multiplier (the engine's norm) or by a Q31
// fixed-point multiplier (for targets without floating point). The scalar functions are the specification;
// the span forms equal them element by element on every architecture.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <refcalib/quantize.hpp>
#include <span>
#include <stdexcept>

namespace refcalib {

/// Where requantized values go: q = clamp(rounded + zero_point, qmin, qmax).
struct OutputCode {
  std::int32_t zero_point;
  Levels levels;
};

/// Throws std::invalid_argument unless the levels are valid and contain the zero point.
[[gnu::always_inline]] constexpr void check(const OutputCode& code) {
  check(code.levels);
  if (code.zero_point < code.levels.qmin || code.zero_point > code.levels.qmax) {
    throw std::invalid_argument("OutputCode: zero_point must be one of the levels");
  }
}

/// q = clamp(round_half_even(float(acc) * multiplier) + zero_point, qmin, qmax).
/// float(acc) is rounded to nearest even for |acc| > 2^24; the product is rounded once; the clamp precedes
/// the rounding and saturates infinities; a NaN product (only from a NaN multiplier, or 0 * infinity) gives
/// qmin. For a convolution multiplier = input_scale * weight_scale / output_scale.
[[nodiscard]] inline std::int32_t requantize(std::int32_t acc, float multiplier, const OutputCode& code) {
  const float low = static_cast<float>(code.levels.qmin - code.zero_point);
  const float high = static_cast<float>(code.levels.qmax - code.zero_point);
  float v = static_cast<float>(acc) * multiplier;
  v = v > low ? v : low;
  v = v < high ? v : high;
  return static_cast<std::int32_t>(std::lrint(v)) + code.zero_point;
}

/// A positive real as mantissa * 2^(shift - 31): mantissa in [2^30, 2^31), shift in [-31, 30]; or {0, 0} for
/// zero.
struct FixedMultiplier {
  std::int32_t mantissa;
  std::int32_t shift;
  friend constexpr bool operator==(const FixedMultiplier&, const FixedMultiplier&) = default;
};

/// Rounds a real multiplier to Q31, relative error at most 2^-31. 0 <= real < 2^30; below 2^-32 it becomes
/// zero, since no int32 times it would round to anything else. Throws std::invalid_argument outside that
/// interval. Source: gemmlowp doc/quantization.md, QuantizeMultiplier of TensorFlow Lite.
[[nodiscard]] inline FixedMultiplier quantize_multiplier(double real) {
  if (!(real >= 0.0 && real < 1073741824.0)) {
    throw std::invalid_argument("quantize_multiplier: need 0 <= multiplier < 2^30");
  }
  if (real == 0.0) return {0, 0};
  int shift = 0;
  const double fraction = std::frexp(real, &shift);  // real = fraction * 2^shift, 0.5 <= fraction < 1
  constexpr double kTwo31 = 2147483648.0;
  double mantissa = std::round(fraction * kTwo31);
  if (mantissa >= kTwo31) {
    mantissa = kTwo31 / 2;
    ++shift;
  }
  if (shift < -31) return {0, 0};
  if (shift > 30) return {std::numeric_limits<std::int32_t>::max(), 30};
  return {static_cast<std::int32_t>(mantissa), shift};
}

/// The value that a FixedMultiplier stands for (exact in double).
[[nodiscard]] inline double real_value(const FixedMultiplier& m) {
  return std::ldexp(static_cast<double>(m.mantissa), m.shift - 31);
}

/// round(a * b / 2^31) with ties towards plus infinity; the single overflow, both operands -2^31, saturates
/// to 2^31 - 1. Source: SaturatingRoundingDoublingHighMul of gemmlowp, whose truncating division with a
/// sign-dependent nudge equals this floor of (a * b + 2^30) / 2^31.
[[nodiscard]] constexpr std::int32_t rounding_doubling_high_mul(std::int32_t a, std::int32_t b) {
  constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min();
  if (a == lowest && b == lowest) return std::numeric_limits<std::int32_t>::max();
  const std::int64_t product = static_cast<std::int64_t>(a) * b;
  return static_cast<std::int32_t>((product + (std::int64_t{1} << 30)) >> 31);
}

/// round(x / 2^exponent), ties away from zero, 0 <= exponent <= 31. Source: RoundingDivideByPOT of gemmlowp.
[[nodiscard]] constexpr std::int32_t rounding_divide_by_power_of_two(std::int32_t x, std::int32_t exponent) {
  const std::int64_t wide = x;
  const std::int64_t half = (std::int64_t{1} << exponent) >> 1;
  return static_cast<std::int32_t>((wide + half - (x < 0 && exponent > 0 ? 1 : 0)) >> exponent);
}

/// acc * m in integers: a left shift (saturating to int32) where m.shift > 0, rounding_doubling_high_mul by
/// the mantissa, then rounding_divide_by_power_of_two where m.shift < 0. Against the exact product the error
/// is at most 1 unless the shift saturates (0.5 for shift >= 0). Source: MultiplyByQuantizedMultiplier of
/// TensorFlow Lite; there an overflowing left shift is undefined.
[[nodiscard]] constexpr std::int32_t multiply_fixed(std::int32_t acc, const FixedMultiplier& m) {
  std::int64_t shifted = static_cast<std::int64_t>(acc) * (std::int64_t{1} << (m.shift > 0 ? m.shift : 0));
  constexpr std::int64_t low = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t high = std::numeric_limits<std::int32_t>::max();
  shifted = shifted < low ? low : shifted;
  shifted = shifted > high ? high : shifted;
  return rounding_divide_by_power_of_two(
      rounding_doubling_high_mul(static_cast<std::int32_t>(shifted), m.mantissa), m.shift < 0 ? -m.shift : 0);
}

/// q = clamp(multiply_fixed(acc, multiplier) + zero_point, qmin, qmax); the addition cannot overflow.
[[nodiscard]] constexpr std::int32_t requantize(std::int32_t acc, const FixedMultiplier& multiplier,
                                                const OutputCode& code) {
  const std::int64_t q = static_cast<std::int64_t>(multiply_fixed(acc, multiplier)) + code.zero_point;
  if (q < code.levels.qmin) return code.levels.qmin;
  if (q > code.levels.qmax) return code.levels.qmax;
  return static_cast<std::int32_t>(q);
}

namespace detail {

template <class Arch, class T>
void check_requantize(const OutputCode& code, std::size_t in, std::size_t out) {
  check(code);
  if (in != out) fail<Arch>("requantize: input and output differ in length");
  if (code.levels.qmin < std::numeric_limits<T>::min() || code.levels.qmax > std::numeric_limits<T>::max()) {
    fail<Arch>("requantize: levels do not fit the integer type");
  }
}

/// One block of requantize() in integers. Every loop has constant length and stays within 32 bits but for one
/// widening product, so that compilers turn it into the multiply-even instructions that xsimd does not offer.
template <class Arch, class T>
void requantize_fixed_block(const std::int32_t* acc, T* out, const FixedMultiplier& multiplier,
                            const OutputCode& code) {
  constexpr std::size_t block = kBlock<Arch>;
  alignas(64) std::array<std::int32_t, block> v;
  std::memcpy(v.data(), acc, sizeof(v));
  if (multiplier.shift > 0) {
    constexpr std::int32_t lowest = std::numeric_limits<std::int32_t>::min();
    constexpr std::int32_t highest = std::numeric_limits<std::int32_t>::max();
    const std::int32_t floor = lowest >> multiplier.shift;
    const std::int32_t ceiling = highest >> multiplier.shift;
    for (std::int32_t& x : v) {
      const std::uint32_t shifted = static_cast<std::uint32_t>(x) << multiplier.shift;
      x = x > ceiling ? highest : x < floor ? lowest : static_cast<std::int32_t>(shifted);
    }
  }
  for (std::int32_t& x : v) {
    const std::int64_t doubled = static_cast<std::int64_t>(x) * multiplier.mantissa + (std::int64_t{1} << 30);
    // The result fits 32 bits, for which a logical shift does as well as an arithmetic one.
    x = static_cast<std::int32_t>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(doubled) >> 31));
  }
  const std::int32_t right = multiplier.shift < 0 ? -multiplier.shift : 0;
  const std::int32_t mask = static_cast<std::int32_t>((std::uint32_t{1} << right) - 1);
  const std::int32_t low = code.levels.qmin - code.zero_point;
  const std::int32_t high = code.levels.qmax - code.zero_point;
  for (std::int32_t& x : v) {
    // Up if the dropped bits exceed one half, or equal it and x is not negative. An exact shift drops
    // nothing.
    const std::int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    std::int32_t q = (x >> right) + ((x & mask) > threshold ? 1 : 0);
    q = q < low ? low : q;
    q = q > high ? high : q;
    x = q + code.zero_point;
  }
  store_narrow<Arch>(v, out);
}

/// One block of requantize() by float multipliers; multiplier(u) is the register for the lanes from u on.
template <class Arch, class T, class Multiplier>
void requantize_block(const std::int32_t* acc, T* out, const QuantizeConstants<Arch>& constants,
                      const Multiplier& multiplier) {
  constexpr std::size_t lanes = kLanes<Arch>;
  alignas(64) std::array<std::int32_t, kBlock<Arch>> codes;
  for (std::size_t u = 0; u < codes.size(); u += lanes) {
    const auto value = xsimd::to_float(Batch<std::int32_t, Arch>::load_unaligned(acc + u)) * multiplier(u);
    const auto clamped = clamp_nan_to_low<Arch>(value, constants.low, constants.high);
    (round_to_int<Arch>(clamped) + constants.zero_point).store_aligned(codes.data() + u);
  }
  store_narrow<Arch>(codes, out);
}

}  // namespace detail

/// out[i] = requantize(acc[i], multiplier, code) for every i.
/// Throws std::invalid_argument if the lengths differ or the levels are invalid or do not fit T.
template <QuantizedInteger T, class Arch = DefaultArch>
void requantize(std::span<const std::int32_t> acc, std::span<T> out, float multiplier,
                const OutputCode& code) {
  detail::check_requantize<Arch, T>(code, acc.size(), out.size());
  const detail::QuantizeConstants<Arch> constants(QuantParams{1.0F, code.zero_point, code.levels});
  const detail::Batch<float, Arch> factor(multiplier);
  detail::transform_blocks<Arch>(acc.data(), out.data(), acc.size(), [&](const std::int32_t* in, T* q) {
    detail::requantize_block<Arch>(in, q, constants, [&](std::size_t) { return factor; });
  });
}

/// Channels-last accumulators [rows][channels], channels = multipliers.size():
/// out[r][c] = requantize(acc[r][c], multipliers[c], code).
/// Throws std::invalid_argument if the lengths differ or are no multiple of the channels, or the levels are
/// invalid or do not fit T.
template <QuantizedInteger T, class Arch = DefaultArch>
void requantize(std::span<const std::int32_t> acc, std::span<T> out, std::span<const float> multipliers,
                const OutputCode& code) {
  detail::check_requantize<Arch, T>(code, acc.size(), out.size());
  const std::size_t channels = multipliers.size();
  if (channels == 0 ? !acc.empty() : acc.size() % channels != 0) {
    detail::fail<Arch>("requantize: length is no multiple of the number of channels");
  }
  const detail::QuantizeConstants<Arch> constants(QuantParams{1.0F, code.zero_point, code.levels});
  constexpr std::size_t block = detail::kBlock<Arch>;
  alignas(64) float factors[block] = {};
  for (std::size_t first = 0; first < channels; first += block) {
    const std::size_t width = channels - first < block ? channels - first : block;
    std::memcpy(factors, multipliers.data() + first, width * sizeof(float));
    for (std::size_t at = first; at < acc.size(); at += channels) {
      detail::transform_blocks<Arch>(acc.data() + at, out.data() + at, width,
                                     [&](const std::int32_t* in, T* q) {
                                       detail::requantize_block<Arch>(in, q, constants, [&](std::size_t u) {
                                         return detail::Batch<float, Arch>::load_aligned(factors + u);
                                       });
                                     });
    }
  }
}

/// out[i] = requantize(acc[i], multiplier, code) in integers alone, for every i.
/// Throws std::invalid_argument if the lengths differ, the levels are invalid or do not fit T, or the
/// multiplier is not one that quantize_multiplier returns.
template <QuantizedInteger T, class Arch = DefaultArch>
void requantize(std::span<const std::int32_t> acc, std::span<T> out, const FixedMultiplier& multiplier,
                const OutputCode& code) {
  detail::check_requantize<Arch, T>(code, acc.size(), out.size());
  if (multiplier.mantissa < 0 || multiplier.shift < -31 || multiplier.shift > 30) {
    detail::fail<Arch>("requantize: multiplier needs mantissa >= 0 and -31 <= shift <= 30");
  }
  detail::transform_blocks<Arch>(acc.data(), out.data(), acc.size(), [&](const std::int32_t* in, T* q) {
    detail::requantize_fixed_block<Arch>(in, q, multiplier, code);
  });
}

}  // namespace refcalib
