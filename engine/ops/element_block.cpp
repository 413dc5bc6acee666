#include "engine/ops/element_block.h"

#include <limits>
#include <type_traits>

namespace refcalib::engine {
namespace {

struct Truth {
  std::uint8_t byte;
};

/// Calls f with a null pointer of the type that elements of `dtype` have in memory.
template <class F>
void with_type(DType dtype, const F& f) noexcept {
  switch (dtype) {
    case DType::f32:
      return f(static_cast<float*>(nullptr));
    case DType::f64:
      return f(static_cast<double*>(nullptr));
    case DType::i64:
      return f(static_cast<std::int64_t*>(nullptr));
    case DType::u64:
      return f(static_cast<std::uint64_t*>(nullptr));
    case DType::i32:
      return f(static_cast<std::int32_t*>(nullptr));
    case DType::u32:
      return f(static_cast<std::uint32_t*>(nullptr));
    case DType::i16:
      return f(static_cast<std::int16_t*>(nullptr));
    case DType::u16:
      return f(static_cast<std::uint16_t*>(nullptr));
    case DType::i8:
      return f(static_cast<std::int8_t*>(nullptr));
    case DType::u8:
      return f(static_cast<std::uint8_t*>(nullptr));
    case DType::boolean:
      return f(static_cast<Truth*>(nullptr));
    case DType::f16:
      return;
  }
}

/// The nearest value of the integer type To behind dropping the fraction; NaN gives 0.
template <class To, class From>
To truncated(From value) noexcept {
  using Limits = std::numeric_limits<To>;
  if (!(value == value)) return 0;
  if (value >= static_cast<From>(Limits::max())) return Limits::max();
  if (value <= static_cast<From>(Limits::min())) return Limits::min();
  return static_cast<To>(value);
}

template <class To, class From>
To element(From value) noexcept {
  if constexpr (std::is_same_v<From, Truth>)
    return static_cast<To>(value.byte != 0);
  else if constexpr (std::is_same_v<To, Truth>)
    return Truth{static_cast<std::uint8_t>(value != From{0})};
  else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>)
    return truncated<To>(value);
  else
    return static_cast<To>(value);
}

template <class To>
void load(DType dtype, const std::byte* from, std::int64_t stride, std::int64_t count, To* to) noexcept {
  with_type(dtype, [&]<class T>(T*) noexcept {
    const auto* p = reinterpret_cast<const T*>(from);
    if (stride == 0) {
      const To value = element<To>(*p);
      for (std::int64_t i = 0; i < count; ++i) to[i] = value;
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) to[i] = element<To>(p[i * stride]);
  });
}

template <class From>
void store(DType dtype, std::byte* to, std::int64_t stride, std::int64_t count, const From* from) noexcept {
  with_type(dtype, [&]<class T>(T*) noexcept {
    auto* p = reinterpret_cast<T*>(to);
    for (std::int64_t i = 0; i < count; ++i) p[i * stride] = element<T>(from[i]);
  });
}

}  // namespace

void load_block(DType dtype, const std::byte* from, std::int64_t stride, std::int64_t count,
                float* to) noexcept {
  load(dtype, from, stride, count, to);
}
void load_block(DType dtype, const std::byte* from, std::int64_t stride, std::int64_t count,
                std::int64_t* to) noexcept {
  load(dtype, from, stride, count, to);
}
void store_block(DType dtype, std::byte* to, std::int64_t stride, std::int64_t count,
                 const float* from) noexcept {
  store(dtype, to, stride, count, from);
}
void store_block(DType dtype, std::byte* to, std::int64_t stride, std::int64_t count,
                 const std::int64_t* from) noexcept {
  store(dtype, to, stride, count, from);
}

std::int64_t saturated_whole(double value) noexcept {
  return truncated<std::int64_t>(value);
}

std::int64_t saturate(DType dtype, std::int64_t value) noexcept {
  with_type(dtype, [&]<class T>(T*) noexcept {
    if constexpr (std::is_integral_v<T>) {
      using Limits = std::numeric_limits<T>;
      if constexpr (std::is_signed_v<T>) {
        const auto low = static_cast<std::int64_t>(Limits::min()),
                   high = static_cast<std::int64_t>(Limits::max());
        value = value < low ? low : value > high ? high : value;
      } else {
        const std::int64_t high = sizeof(T) == 8 ? std::numeric_limits<std::int64_t>::max()
                                                 : static_cast<std::int64_t>(Limits::max());
        value = value < 0 ? 0 : value > high ? high : value;
      }
    }
  });
  return value;
}

}  // namespace refcalib::engine
