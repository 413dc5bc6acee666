#include "engine/ops/weight_elements.h"

#include <algorithm>

namespace refcalib::engine {
namespace {

/// Nearest integer, ties to even, of |v| < 2^22, without a call: the sum has no room for a fraction.
float rounded(float v) noexcept {
  constexpr float shift = 12582912.0F;  // 1.5 * 2^23
  return (v + shift) - shift;
}

std::vector<std::int8_t> quantize_weights(std::span<const float> weights, const Quantization& q,
                                          std::size_t channels) {
  std::vector<std::int8_t> out(weights.size());
  const std::size_t per_channel = channels == 0 ? 0 : weights.size() / channels;
  const auto low = static_cast<float>(q.qmin), high = static_cast<float>(q.qmax);
  for (std::size_t c = 0; c < channels; ++c) {
    const float inverse = 1.0F / q.scale[q.per_channel() ? c : 0];
    const float* const from = weights.data() + c * per_channel;
    std::int8_t* const to = out.data() + c * per_channel;
    // In this order NaN, which a tiny scale makes of 0, becomes a number too.
    for (std::size_t k = 0; k < per_channel; ++k)
      to[k] = static_cast<std::int8_t>(
          static_cast<std::int32_t>(rounded(std::min(high, std::max(low, from[k] * inverse)))));
  }
  return out;
}

/// True if the constant's integers are those of the quantization: one scale per channel of `per_channel` elements, or one for all.
/// Rounding their products with the scales to integers again would give the same (|code| <= 128 and three roundings).
bool stores(const ScaledIntegers& integers, const Quantization& q, std::size_t per_channel) {
  return integers.scale == q.scale && q.qmin == -128 && q.qmax == 127 &&
         (integers.scale.size() == 1 || integers.inner == per_channel);
}

}  // namespace

Elements<float> float_weights(const Constant& weights) {
  const bool floats = weights.dtype() == DType::f32 && weights.integers() == nullptr;
  const std::byte* const data = floats ? weights.bytes().data() : nullptr;
  if (data == nullptr || reinterpret_cast<std::uintptr_t>(data) % alignof(float) != 0)
    return Elements<float>(weights.to_floats());
  return Elements<float>(
      std::span(reinterpret_cast<const float*>(data), static_cast<std::size_t>(weights.count())));
}

Elements<std::int8_t> integer_weights(const Constant& weights, const Quantization& q, std::size_t channels) {
  const ScaledIntegers* integers = weights.integers();
  const std::size_t per_channel = channels == 0 ? 0 : static_cast<std::size_t>(weights.count()) / channels;
  if (integers != nullptr && stores(*integers, q, per_channel)) return Elements<std::int8_t>(integers->codes);
  return Elements<std::int8_t>(quantize_weights(float_weights(weights).view, q, channels));
}

}  // namespace refcalib::engine
