#pragma once

// How far a tensor moved. All sums are taken in double over 16 virtual lanes (element i goes to lane i mod
// 16) that are combined in a fixed tree, so that the result is the same on every instruction set, provided
// that the program is compiled without floating-point contraction (-ffp-contract=off).
//
// Common to all: ref and x have the same length, else std::invalid_argument; the result is NaN if a NaN
// occurs in either.

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <refcalib/detail/simd.hpp>
#include <span>

namespace refcalib {

namespace detail {

inline constexpr std::size_t kVirtualLanes = 16;
using VirtualLanes = std::array<double, kVirtualLanes>;

/// ((0+8)+(4+12)) + ... : halves are added until one lane is left.
template <class Arch>
double combine(VirtualLanes lanes) {
  for (std::size_t half = kVirtualLanes / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// Sum over i of term(ref[i], x[i]) in the fixed order. Constant-length inner loops vectorize without
/// reassociation.
template <class Arch, class Term>
double sum_terms(std::span<const float> ref, std::span<const float> x, const Term& term) {
  if (ref.size() != x.size()) fail<Arch>("metric: tensors differ in length");
  VirtualLanes lanes{};
  const float* a = ref.data();
  const float* b = x.data();
  std::size_t i = 0;
  for (; i + kVirtualLanes <= ref.size(); i += kVirtualLanes) {
    for (std::size_t k = 0; k < kVirtualLanes; ++k) {
      lanes[k] += term(static_cast<double>(a[i + k]), static_cast<double>(b[i + k]));
    }
  }
  for (std::size_t k = 0; i + k < ref.size(); ++k) {
    lanes[k] += term(static_cast<double>(a[i + k]), static_cast<double>(b[i + k]));
  }
  return combine<Arch>(lanes);
}

template <class Arch>
double squared_error(std::span<const float> ref, std::span<const float> x) {
  // Equal infinities are no error; their difference would be NaN.
  return sum_terms<Arch>(ref, x, [](double a, double b) {
    const double d = a == b ? 0.0 : a - b;
    return d * d;
  });
}

}  // namespace detail

/// Signal to quantization noise in decibels: 10 log10(sum ref^2 / sum (ref - x)^2).
/// +infinity if the tensors are equal (also if both are zero or empty); -infinity if ref is all zero and x is
/// not.
template <class Arch = DefaultArch>
[[nodiscard]] double sqnr_db(std::span<const float> ref, std::span<const float> x) {
  const double noise = detail::squared_error<Arch>(ref, x);
  const double signal = detail::sum_terms<Arch>(ref, x, [](double a, double) { return a * a; });
  if (noise == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(signal / noise);
}

/// Cosine of the angle between the tensors, in [-1, 1]: sum ref * x / sqrt(sum ref^2 * sum x^2).
/// 1 if both are all zero (or empty), 0 if exactly one is.
template <class Arch = DefaultArch>
[[nodiscard]] double cosine(std::span<const float> ref, std::span<const float> x) {
  const double dot = detail::sum_terms<Arch>(ref, x, [](double a, double b) { return a * b; });
  const double ref2 = detail::sum_terms<Arch>(ref, x, [](double a, double) { return a * a; });
  const double x2 = detail::sum_terms<Arch>(ref, x, [](double, double b) { return b * b; });
  if (ref2 == 0.0 && x2 == 0.0) return 1.0;
  if (ref2 == 0.0 || x2 == 0.0) return 0.0;
  const double value = dot / std::sqrt(ref2 * x2);  // squares of floats: the product stays far inside double
  if (value > 1.0) return 1.0;
  return value < -1.0 ? -1.0 : value;
}

/// Root-mean-square difference normalised by the range of the reference:
/// sqrt(mean (ref - x)^2) / (max(ref) - min(ref)). If that range is zero: 0 if the tensors are equal (or
/// empty), else 1. Source: the layer ranking of the 2019 Calibration Tool, which takes 1 for every zero
/// range.
template <class Arch = DefaultArch>
[[nodiscard]] double nrmsd(std::span<const float> ref, std::span<const float> x) {
  const double error = detail::squared_error<Arch>(ref, x);
  if (std::isnan(error) || error == 0.0) return error;
  double low = ref[0];
  double high = ref[0];
  for (const float v : ref) {
    low = v < low ? static_cast<double>(v) : low;
    high = v > high ? static_cast<double>(v) : high;
  }
  if (low == high) return 1.0;
  return std::sqrt(error / static_cast<double>(ref.size())) / (high - low);
}

/// max |ref - x|, 0 for empty tensors; equal infinities differ by 0.
template <class Arch = DefaultArch>
[[nodiscard]] double max_abs_error(std::span<const float> ref, std::span<const float> x) {
  if (ref.size() != x.size()) detail::fail<Arch>("metric: tensors differ in length");
  double worst = 0.0;
  for (std::size_t i = 0; i < ref.size(); ++i) {
    if (ref[i] == x[i]) continue;
    const double d = std::fabs(static_cast<double>(ref[i]) - static_cast<double>(x[i]));
    // NaN must win whatever follows.
    if (std::isnan(d)) return d;
    worst = d > worst ? d : worst;
  }
  return worst;
}

}  // namespace refcalib
