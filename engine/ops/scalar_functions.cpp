#include "engine/ops/scalar_functions.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "engine/ops/element_block.h"

namespace refcalib::engine {
namespace {

float sign(float x, float, float) noexcept {
  return x > 0 ? 1.0F : x < 0 ? -1.0F : x;
}

/// alpha: factor below zero; beta: factor of everything.
float selu(float x, float alpha, float beta) noexcept {
  return beta * (x > 0 ? x : alpha * std::expm1(x));
}

/// The nearest number of a binary format with `mantissa` bits behind the point and exponents from `lowest` on, half to even; beyond
/// `largest` that.
template <int mantissa, int lowest>
float rounded_to_format(float x, float largest) noexcept {
  if (std::isnan(x)) return x;
  if (std::fabs(x) >= largest) return std::copysign(largest, x);
  if (x == 0) return x;
  const int exponent = std::max(std::ilogb(x), lowest);
  return std::ldexp(std::nearbyint(std::ldexp(x, mantissa - exponent)), exponent - mantissa);
}

/// A function of x alone from the C library.
template <float (*F)(float)>
float library(float x, float, float) noexcept {
  return F(x);
}

using FloatTable = std::map<std::string, FloatFunction, std::less<>>;
const FloatTable& float_functions() {
  static const FloatTable table = {
      {"square", [](float x, float, float) noexcept { return x * x; }},
      {"reciprocal", [](float x, float, float) noexcept { return 1.0F / x; }},
      {"power", [](float x, float a, float) noexcept { return std::pow(x, a); }},
      {"sign", sign},
      {"selu", selu},
      {"softsign", [](float x, float, float) noexcept { return x / (1.0F + std::fabs(x)); }},
      {"round_away", library<std::round>},
      {"f8e4m3", [](float x, float, float) noexcept { return rounded_to_format<3, -6>(x, 448.0F); }},
      {"f8e5m2", [](float x, float, float) noexcept { return rounded_to_format<2, -14>(x, 57344.0F); }},
      {"sin", library<std::sin>},
      {"cos", library<std::cos>},
      {"tan", library<std::tan>},
      {"asin", library<std::asin>},
      {"acos", library<std::acos>},
      {"atan", library<std::atan>},
      {"sinh", library<std::sinh>},
      {"cosh", library<std::cosh>},
      {"asinh", library<std::asinh>},
      {"acosh", library<std::acosh>},
      {"atanh", library<std::atanh>},
      {"logical_not", [](float x, float, float) noexcept { return x != 0 ? 0.0F : 1.0F; }},
      {"is_nan", [](float x, float, float) noexcept { return std::isnan(x) ? 1.0F : 0.0F; }},
      {"is_finite", [](float x, float, float) noexcept { return std::isfinite(x) ? 1.0F : 0.0F; }},
      {"is_inf", [](float x, float negative, float positive) noexcept {
         return std::isinf(x) && (x < 0 ? negative : positive) != 0 ? 1.0F : 0.0F;
       }}};
  return table;
}

std::int64_t same(std::int64_t x, double, double) noexcept {
  return x;
}

/// Bounds between integers move inwards.
std::int64_t clamp(std::int64_t x, double low, double high) noexcept {
  if (static_cast<double>(x) < low) return saturated_whole(std::ceil(low));
  if (static_cast<double>(x) > high) return saturated_whole(std::floor(high));
  return x;
}

std::int64_t negative(std::int64_t x) noexcept {
  return static_cast<std::int64_t>(0U - static_cast<std::uint64_t>(x));
}

using IntegerTable = std::map<std::string, IntegerFunction, std::less<>>;
const IntegerTable& integer_functions() {
  static const IntegerTable table = {
      {"abs", [](std::int64_t x, double, double) noexcept { return x < 0 ? negative(x) : x; }},
      {"neg", [](std::int64_t x, double, double) noexcept { return negative(x); }},
      {"relu", [](std::int64_t x, double, double) noexcept { return x > 0 ? x : 0; }},
      {"sign",
       [](std::int64_t x, double, double) noexcept { return std::int64_t{x > 0} - std::int64_t{x < 0}; }},
      {"square",
       [](std::int64_t x, double, double) noexcept {
         return static_cast<std::int64_t>(static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(x));
       }},
      {"clamp", clamp},
      {"floor", same},
      {"ceil", same},
      {"round", same},
      {"round_away", same},
      {"logical_not", [](std::int64_t x, double, double) noexcept { return std::int64_t{x == 0}; }},
      {"bitwise_not", [](std::int64_t x, double, double) noexcept { return ~x; }},
      {"is_nan", [](std::int64_t, double, double) noexcept { return std::int64_t{0}; }},
      {"is_inf", [](std::int64_t, double, double) noexcept { return std::int64_t{0}; }},
      {"is_finite", [](std::int64_t, double, double) noexcept { return std::int64_t{1}; }}};
  return table;
}

}  // namespace

FloatFunction find_float_function(const std::string& name) noexcept {
  const auto it = float_functions().find(name);
  return it == float_functions().end() ? nullptr : it->second;
}

IntegerFunction find_integer_function(const std::string& name) noexcept {
  const auto it = integer_functions().find(name);
  return it == integer_functions().end() ? nullptr : it->second;
}

bool gives_truth(const std::string& function) noexcept {
  return function.starts_with("is_");
}

}  // namespace refcalib::engine
