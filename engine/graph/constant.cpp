#include "engine/graph/constant.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include "engine/core/error.h"

namespace refcalib::engine {
namespace {

struct Half {
  std::uint16_t bits;
};

/// Bytes of a mapped file have no alignment, so every element is copied out.
template <class T>
T element(const std::byte* bytes, std::size_t index) noexcept {
  T value;
  std::memcpy(&value, bytes + index * sizeof(T), sizeof(T));
  return value;
}

std::int64_t saturating_truncate(double value) noexcept {
  if (std::isnan(value)) return 0;
  if (value >= 9223372036854775808.0) return std::numeric_limits<std::int64_t>::max();
  if (value <= -9223372036854775808.0) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

template <class To, class From>
To convert(From value) noexcept {
  if constexpr (std::is_same_v<From, Half>) {
    return convert<To>(half_to_float(value.bits));
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else if constexpr (std::is_floating_point_v<From>) {
    return saturating_truncate(static_cast<double>(value));
  } else if constexpr (std::is_same_v<From, std::uint64_t>) {
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<To>(value > limit ? limit : value);
  } else {
    return static_cast<To>(value);
  }
}

template <class To, class From>
std::vector<To> convert_all(std::span<const std::byte> bytes, std::size_t count) {
  std::vector<To> result(count);
  if constexpr (std::is_same_v<To, From>) {
    if (count != 0) std::memcpy(result.data(), bytes.data(), count * sizeof(To));
  } else {
    for (std::size_t i = 0; i < count; ++i) result[i] = convert<To>(element<From>(bytes.data(), i));
  }
  return result;
}

template <class To>
std::vector<To> converted(DType dtype, std::span<const std::byte> bytes, std::int64_t element_count) {
  const auto count = static_cast<std::size_t>(element_count);
  switch (dtype) {
    case DType::f32:
      return convert_all<To, float>(bytes, count);
    case DType::f16:
      return convert_all<To, Half>(bytes, count);
    case DType::f64:
      return convert_all<To, double>(bytes, count);
    case DType::i64:
      return convert_all<To, std::int64_t>(bytes, count);
    case DType::i32:
      return convert_all<To, std::int32_t>(bytes, count);
    case DType::i16:
      return convert_all<To, std::int16_t>(bytes, count);
    case DType::i8:
      return convert_all<To, std::int8_t>(bytes, count);
    case DType::u16:
      return convert_all<To, std::uint16_t>(bytes, count);
    case DType::u32:
      return convert_all<To, std::uint32_t>(bytes, count);
    case DType::u64:
      return convert_all<To, std::uint64_t>(bytes, count);
    case DType::u8:
    case DType::boolean:
      return convert_all<To, std::uint8_t>(bytes, count);
  }
  throw Error("internal: unknown element type");
}

template <class T>
Constant owning(DType dtype, Shape shape, std::vector<T> values) {
  auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  const auto bytes = std::as_bytes(std::span<const T>(*owner));
  return Constant(dtype, std::move(shape), bytes, std::move(owner));
}

}  // namespace

/// Floats are made once, by whoever asks first; several threads may.
struct Constant::LazyFloats {
  ScaledIntegers integers;
  std::shared_ptr<const void> owner;
  mutable std::once_flag once;
  mutable std::vector<float> floats;

  std::vector<float> make() const {
    const ScaledIntegers& s = integers;
    std::vector<float> result(s.codes.size());
    for (std::size_t begin = 0, block = 0; begin < result.size(); begin += s.inner, ++block) {
      const float scale = s.scale[block % s.scale.size()];
      const std::size_t end = std::min(begin + s.inner, result.size());
      for (std::size_t e = begin; e < end; ++e) result[e] = static_cast<float>(s.codes[e]) * scale;
    }
    return result;
  }
};

Constant::Constant(DType dtype, Shape shape, std::span<const std::byte> bytes,
                   std::shared_ptr<const void> owner)
    : present_(true),
      dtype_(dtype),
      shape_(std::move(shape)),
      count_(element_count(shape_)),
      bytes_(bytes),
      owner_(std::move(owner)) {
  const auto needed = static_cast<std::size_t>(count_) * size_of(dtype_);
  if (bytes_.size() != needed)
    throw FormatError("constant of " + std::to_string(bytes_.size()) + " bytes where shape " +
                      to_string(shape_) + " of " + std::string(to_string(dtype_)) + " needs " +
                      std::to_string(needed));
}

Constant Constant::f32(Shape shape, std::vector<float> values) {
  return owning(DType::f32, std::move(shape), std::move(values));
}

Constant Constant::i64(Shape shape, std::vector<std::int64_t> values) {
  return owning(DType::i64, std::move(shape), std::move(values));
}

Constant Constant::i64_vector(std::vector<std::int64_t> values) {
  Shape shape = {static_cast<std::int64_t>(values.size())};
  return owning(DType::i64, std::move(shape), std::move(values));
}

Constant Constant::scaled(const Constant& codes, std::vector<float> scale, std::size_t inner) {
  if (codes.dtype() != DType::i8) throw Error("internal: scaled integers must be of i8");
  auto lazy = std::make_shared<LazyFloats>();
  const auto bytes = codes.bytes();
  lazy->integers.codes = {reinterpret_cast<const std::int8_t*>(bytes.data()), bytes.size()};
  lazy->owner = codes.owner_;
  Constant result = codes;
  result.dtype_ = DType::f32;
  result.bytes_ = {};
  result.owner_ = nullptr;
  result.integers_ = std::move(lazy);
  return result.rescaled(std::move(scale), inner);
}

Constant Constant::rescaled(std::vector<float> scale, std::size_t inner) const {
  if (!integers_ || scale.empty() || inner == 0) throw Error("internal: scaled integers need scales");
  auto lazy = std::make_shared<LazyFloats>();
  lazy->integers = {integers_->integers.codes, std::move(scale), inner};
  lazy->owner = integers_->owner;
  Constant result = *this;
  result.integers_ = std::move(lazy);
  return result;
}

const ScaledIntegers* Constant::integers() const noexcept {
  return integers_ ? &integers_->integers : nullptr;
}

std::span<const std::byte> Constant::scaled_bytes() const {
  std::call_once(integers_->once, [this] { integers_->floats = integers_->make(); });
  return std::as_bytes(std::span(integers_->floats));
}

Constant Constant::reshaped(Shape shape) const {
  if (!present_) throw Error("internal: an absent constant cannot be reshaped");
  if (element_count(shape) != count_)
    throw FormatError("constant of shape " + to_string(shape_) + " cannot take the shape " +
                      to_string(shape));
  Constant result = *this;
  result.shape_ = std::move(shape);
  return result;
}

std::vector<float> Constant::to_floats() const {
  if (integers_) return integers_->make();
  return converted<float>(dtype_, bytes_, count_);
}

std::vector<std::int64_t> Constant::to_ints() const {
  return converted<std::int64_t>(dtype_, bytes(), count_);
}

float half_to_float(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1fu;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormal or zero: exact
  return sign != 0 ? -magnitude : magnitude;
}

std::uint16_t float_to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
  // Below 2^-14 the result counts units of 2^-24, above it keeps ten fraction bits. Both drop `shift` low
  // bits.
  std::uint32_t kept = 0;
  std::uint32_t shift = 13;
  if (magnitude < 0x38800000u) {
    const std::uint32_t exponent = magnitude >> 23;
    if (exponent < 102u) return sign;  // below 2^-25: rounds to zero
    kept = (magnitude & 0x7fffffu) | 0x800000u;
    shift = 126u - exponent;
  } else {
    kept = magnitude - 0x38000000u;
  }
  const std::uint32_t dropped = kept & ((1u << shift) - 1u);
  const std::uint32_t half_unit = 1u << (shift - 1u);
  kept >>= shift;
  if (dropped > half_unit || (dropped == half_unit && (kept & 1u) != 0)) ++kept;
  return static_cast<std::uint16_t>(sign | kept);
}

}  // namespace refcalib::engine
