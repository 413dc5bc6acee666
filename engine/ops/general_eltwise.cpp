#include "engine/ops/general_eltwise.h"

#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <type_traits>

#include "engine/ops/broadcast_loop.h"
#include "engine/ops/lambda_step.h"

namespace refcalib::engine {
namespace {

using Float = float (*)(float a, float b) noexcept;
using Integer = std::int64_t (*)(std::int64_t a, std::int64_t b) noexcept;

struct Operation {
  Float floats;
  Integer integers;
};

std::int64_t wrap(std::uint64_t v) noexcept {
  return static_cast<std::int64_t>(v);
}
std::uint64_t bits(std::int64_t v) noexcept {
  return static_cast<std::uint64_t>(v);
}
std::int64_t subtract(std::int64_t a, std::int64_t b) noexcept {
  return wrap(bits(a) - bits(b));
}
std::int64_t multiply(std::int64_t a, std::int64_t b) noexcept {
  return wrap(bits(a) * bits(b));
}

/// Quotients beyond the machine's: nothing is divided by zero, and the one overflow wraps.
std::int64_t truncated_quotient(std::int64_t a, std::int64_t b) noexcept {
  return b == 0 ? 0 : b == -1 ? subtract(0, a) : a / b;
}
std::int64_t remainder(std::int64_t a, std::int64_t b) noexcept {
  return b == 0 || b == -1 ? 0 : a % b;
}
std::int64_t floored_quotient(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t r = remainder(a, b);
  return truncated_quotient(a, b) - (r != 0 && (r < 0) != (b < 0) ? 1 : 0);
}
std::int64_t floored_remainder(std::int64_t a, std::int64_t b) noexcept {
  const std::int64_t r = remainder(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

float floored_remainder(float a, float b) noexcept {
  const float r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/// By squaring; a negative exponent leaves the integers but for the bases 1 and -1.
std::int64_t integer_power(std::int64_t base, std::int64_t exponent) noexcept {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  std::int64_t result = 1;
  for (; exponent != 0; exponent >>= 1, base = multiply(base, base))
    if ((exponent & 1) != 0) result = multiply(result, base);
  return result;
}

/// An operation that one formula gives for both domains.
template <class F>
constexpr Operation both(F) {
  return {[](float a, float b) noexcept { return static_cast<float>(F{}(a, b)); },
          [](std::int64_t a, std::int64_t b) noexcept { return static_cast<std::int64_t>(F{}(a, b)); }};
}

using Table = std::map<std::string, Operation, std::less<>>;

Table make_table() {
  Table table = {
      {"add",
       {[](float a, float b) noexcept { return a + b; },
        [](std::int64_t a, std::int64_t b) noexcept { return wrap(bits(a) + bits(b)); }}},
      {"sub", {[](float a, float b) noexcept { return a - b; }, subtract}},
      {"mul", {[](float a, float b) noexcept { return a * b; }, multiply}},
      {"div", {[](float a, float b) noexcept { return a / b; }, floored_quotient}},
      {"div_truncated", {[](float a, float b) noexcept { return a / b; }, truncated_quotient}},
      {"mod", {[](float a, float b) noexcept { return std::fmod(a, b); }, remainder}},
      {"floor_mod", {floored_remainder, floored_remainder}},
      {"pow", {[](float a, float b) noexcept { return std::pow(a, b); }, integer_power}},
      {"squared_difference",
       {[](float a, float b) noexcept { return (a - b) * (a - b); },
        [](std::int64_t a, std::int64_t b) noexcept { return multiply(subtract(a, b), subtract(a, b)); }}},
      {"prelu",
       {[](float a, float b) noexcept { return a < 0 ? a * b : a; },
        [](std::int64_t a, std::int64_t b) noexcept { return a < 0 ? multiply(a, b) : a; }}}};
  table["max"] = both([](auto a, auto b) { return a > b ? a : b; });
  table["min"] = both([](auto a, auto b) { return a < b ? a : b; });
  table["equal"] = both([](auto a, auto b) { return a == b; });
  table["not_equal"] = both([](auto a, auto b) { return a != b; });
  table["less"] = both([](auto a, auto b) { return a < b; });
  table["less_equal"] = both([](auto a, auto b) { return a <= b; });
  table["greater"] = both([](auto a, auto b) { return a > b; });
  table["greater_equal"] = both([](auto a, auto b) { return a >= b; });
  table["logical_and"] = both([](auto a, auto b) { return a != 0 && b != 0; });
  table["logical_or"] = both([](auto a, auto b) { return a != 0 || b != 0; });
  table["logical_xor"] = both([](auto a, auto b) { return (a != 0) != (b != 0); });
  table["bitwise_and"] = {nullptr, [](std::int64_t a, std::int64_t b) noexcept { return a & b; }};
  table["bitwise_or"] = {nullptr, [](std::int64_t a, std::int64_t b) noexcept { return a | b; }};
  table["bitwise_xor"] = {nullptr, [](std::int64_t a, std::int64_t b) noexcept { return a ^ b; }};
  return table;
}

const Table& operations() {
  static const Table table = make_table();
  return table;
}

/// min(max(y, low), high) where a clamp has been fused.
struct Limits {
  double low, high;
  bool active() const noexcept { return std::isfinite(low) || std::isfinite(high); }
  template <class T>
  static T bound(double limit) noexcept {
    if constexpr (std::is_integral_v<T>)
      return saturated_whole(limit);
    else
      return static_cast<T>(limit);
  }
  template <class T>
  void apply(T* y, std::int64_t count) const noexcept {
    for (std::int64_t i = 0; i < count; ++i) {
      const auto v = static_cast<double>(y[i]);
      if (!(v > low)) y[i] = bound<T>(low);
      if (v > high) y[i] = bound<T>(high);
    }
  }
};

struct Bound {
  BroadcastLoop<3> loop;
  std::array<DType, 3> dtype;  ///< result, first and second operand
  Limits limits;

  template <class T, class F>
  void run(const std::byte* a, const std::byte* b, std::byte* out, F f, std::int64_t begin,
           std::int64_t end) const noexcept {
    T x[kElementBlock], y[kElementBlock];
    const auto bytes = [&](std::size_t i, std::int64_t offset) {
      return offset * static_cast<std::int64_t>(size_of(dtype[i]));
    };
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const auto p = loop.piece(unit);
      load_block(dtype[1], a + bytes(1, p.offset[1]), p.stride[1], p.count, x);
      load_block(dtype[2], b + bytes(2, p.offset[2]), p.stride[2], p.count, y);
      for (std::int64_t i = 0; i < p.count; ++i) x[i] = f(x[i], y[i]);
      if (limits.active()) limits.apply(x, p.count);
      store_block(dtype[0], out + bytes(0, p.offset[0]), p.stride[0], p.count, x);
    }
  }
};

}  // namespace

bool is_general_eltwise(const std::string& operation) {
  return operations().contains(operation);
}

std::unique_ptr<Step> plan_general_eltwise(const EltwiseAttributes& attributes, const TensorRef& x,
                                           const TensorRef& y, const TensorRef& out) {
  const auto operation = operations().find(attributes.operation);
  if (operation == operations().end())
    throw UnsupportedError("operation '" + attributes.operation + "' on computed values is not supported");
  const bool floats = is_float(x.dtype) || is_float(y.dtype);
  const Operation f = operation->second;
  if (floats && f.floats == nullptr)
    throw UnsupportedError("operation '" + attributes.operation + "' on floats is not supported");
  const Bound bound{broadcast_loop<3>({&out, &x, &y}),
                    {out.dtype, x.dtype, y.dtype},
                    {attributes.activation.low, attributes.activation.high}};
  return make_step(floats ? "general/f32" : "general/i64", [=, xw = x.where, yw = y.where,
                                                            ow = out.where](const RunContext& c) noexcept {
    const std::byte *a = c.read(xw), *b = c.read(yw);
    std::byte* to = c.write(ow);
    c.team.parallel_for(bound.loop.units(), 4, [&](std::int64_t begin, std::int64_t end, int) {
      if (floats)
        bound.run<float>(a, b, to, f.floats, begin, end);
      else
        bound.run<std::int64_t>(a, b, to, f.integers, begin, end);
    });
  });
}

}  // namespace refcalib::engine
