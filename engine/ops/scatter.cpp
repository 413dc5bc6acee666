#include "engine/ops/scatter.h"

#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <utility>

#include "engine/ops/computed.h"
#include "engine/ops/infer.h"

namespace refcalib::engine {
namespace {

template <class T>
T get(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <class T>
void put(std::byte* to, T value) noexcept {
  std::memcpy(to, &value, sizeof(T));
}

/// Integers wrap around.
template <class T>
T combined(ScatterReduction reduction, T a, T b) noexcept {
  if constexpr (std::is_integral_v<T>) {
    using U = std::uint64_t;
    if (reduction == ScatterReduction::prod) return static_cast<T>(static_cast<U>(a) * static_cast<U>(b));
    if (reduction == ScatterReduction::sub) return static_cast<T>(static_cast<U>(a) - static_cast<U>(b));
    if (reduction == ScatterReduction::sum || reduction == ScatterReduction::mean)
      return static_cast<T>(static_cast<U>(a) + static_cast<U>(b));
  } else {
    if (reduction == ScatterReduction::prod) return a * b;
    if (reduction == ScatterReduction::sub) return a - b;
    if (reduction == ScatterReduction::sum || reduction == ScatterReduction::mean) return a + b;
  }
  if (reduction == ScatterReduction::min) return b < a ? b : a;
  if (reduction == ScatterReduction::max) return b > a ? b : a;
  return b;
}

template <class T, ScatterReduction reduction>
void apply(std::byte* to, const std::byte* from) noexcept {
  put(to, combined(reduction, get<T>(to), get<T>(from)));
}

template <class T, ScatterReduction reduction>
void neutral(std::byte* to) noexcept {
  using Limits = std::numeric_limits<T>;
  T value = 0;
  if (reduction == ScatterReduction::prod) value = 1;
  if (reduction == ScatterReduction::min) value = Limits::has_infinity ? Limits::infinity() : Limits::max();
  if (reduction == ScatterReduction::max)
    value = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  put(to, value);
}

template <class T>
void divide(std::byte* to, std::int64_t count) noexcept {
  const T sum = get<T>(to);
  if constexpr (std::is_integral_v<T>) {
    const auto value = static_cast<std::int64_t>(sum);
    put(to, static_cast<T>(value / count - (value % count != 0 && value < 0 ? 1 : 0)));
  } else {
    put(to, sum / static_cast<T>(count));
  }
}

using R = ScatterReduction;
constexpr std::array reductions = {R::none, R::sum, R::sub, R::prod, R::min, R::max, R::mean};
constexpr std::array<std::string_view, reductions.size()> names = {"none", "sum", "sub", "prod",
                                                                   "min",  "max", "mean"};

}  // namespace

ScatterReduction scatter_reduction(const std::string& name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return reductions[i];
  throw FormatError("reduction '" + name + "' is unknown");
}

OutputType scattered_type(const OpInputs& in) {
  require_inputs(in, 3, 3);
  const DType type = computed_type(in.dtype(0));
  require(type == computed_type(in.dtype(2)), "data and updates are of different types");
  return {type, in.shape(0)};
}

template <class T>
void ScatterElement::bind(ScatterReduction reduction) noexcept {
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    ((reduction == reductions[i]
          ? (apply_ = &engine::apply<T, reductions[i]>, neutral_ = &engine::neutral<T, reductions[i]>, void())
          : void()),
     ...);
  }
  (std::make_index_sequence<reductions.size()>{});
  divide_ = &engine::divide<T>;
}

ScatterElement::ScatterElement(ScatterReduction reduction, DType dtype) noexcept {
  bind(reduction, dtype);
}

void ScatterElement::bind(ScatterReduction reduction, DType dtype) noexcept {
  switch (dtype) {
    case DType::f32:
      return bind<float>(reduction);
    case DType::f64:
      return bind<double>(reduction);
    case DType::i64:
    case DType::u64:
      return bind<std::int64_t>(reduction);
    case DType::i32:
      return bind<std::int32_t>(reduction);
    case DType::u32:
      return bind<std::uint32_t>(reduction);
    case DType::i16:
    case DType::f16:
      return bind<std::int16_t>(reduction);
    case DType::u16:
      return bind<std::uint16_t>(reduction);
    case DType::i8:
      return bind<std::int8_t>(reduction);
    case DType::u8:
    case DType::boolean:
      return bind<std::uint8_t>(reduction);
  }
}

}  // namespace refcalib::engine
