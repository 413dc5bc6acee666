#pragma once

#include "engine/kernels/batch.h"

/// Elementary functions as vectors, the same bits on every instruction set: explicit fused multiply-adds,
/// polynomials in Horner form, no table. Polynomials interpolate at the Chebyshev nodes of their interval
/// (their own error stands beside each). Largest errors over all finite arguments, in units of the spacing of
/// floats at the exact result; the tests of the element-wise kernels hold the functions to them:
///
///   exp      1.25 ulp   overflows to infinity, underflows gradually to 0
///   log      1 ulp      log(0) = -infinity, the logarithm of a negative number is NaN
///   tanh     1.5 ulp
///   sigmoid  2.5 ulp, or 2^-126 where the result is subnormal
///   erf      1.5 ulp
///
/// A NaN gives a NaN. Method: Cody and Waite, "Software Manual for the Elementary Functions", 1980, for the
/// reductions.
namespace refcalib::engine::kernels {

/// ((c0 * x + c1) * x + ...) with a fused multiply-add per step; highest power first.
template <class Arch, class... Rest>
REFCALIB_INLINE Floats<Arch> horner(Floats<Arch> x, float highest, Rest... rest) {
  auto sum = Floats<Arch>::broadcast(highest);
  ((sum = fma(sum, x, Floats<Arch>::broadcast(rest))), ...);
  return sum;
}

/// |magnitude| with the sign of `sign`.
template <class Arch>
REFCALIB_INLINE Floats<Arch> copy_sign(Floats<Arch> magnitude, Floats<Arch> sign) {
  const auto others = Ints<Arch>::broadcast(0x7FFFFFFF);
  const auto sign_bit = Ints<Arch>::broadcast(-0x7FFFFFFF - 1);
  return as_floats((bits(magnitude) & others) | (bits(sign) & sign_bit));
}

/// 2^n for -126 <= n <= 127.
template <class Arch>
REFCALIB_INLINE Floats<Arch> power_of_two(Ints<Arch> n) {
  return as_floats(shift_left<23>(n + Ints<Arch>::broadcast(127)));
}

/// x = n ln2 + r with |r| <= ln2 / 2, and exp(x) = 2^n (1 + r + r^2 P(r)).
template <class Arch>
REFCALIB_INLINE Floats<Arch> exp(Floats<Arch> x) {
  using F = Floats<Arch>;
  // exp(89) overflows and exp(-104) rounds to 0; beyond these the reduction would leave the exponent's range.
  const F bounded = min(max(x, F::broadcast(-104.0F)), F::broadcast(89.0F));
  const F n = round(bounded * F::broadcast(1.44269504F));
  F r = fma(n, F::broadcast(-0.693147182464599609375F), bounded);
  r = fma(n, F::broadcast(1.90465429995776804e-9F), r);
  // Relative error 1e-8 for |r| <= 0.3475.
  const F p = horner(r, 0.001392540266F, 0.008363349609F, 0.04166656234F, 0.1666657596F, 0.4999999999F);
  const F y = fma(r * r, p, r) + F::broadcast(1.0F);
  // Two factors, because 2^n itself may not be a normal number; only the second product can be inexact.
  const auto whole = round_to_int(n);
  const auto half = shift_right<1>(whole);
  return select(is_nan(x), x, y * power_of_two(half) * power_of_two(whole - half));
}

/// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), and log(x) = k ln2 + (f - f^2 / 2 + f^3 P(f)).
template <class Arch>
REFCALIB_INLINE Floats<Arch> log(Floats<Arch> x) {
  using F = Floats<Arch>;
  using I = Ints<Arch>;
  const F zero = F::broadcast(0.0F);
  const auto subnormal = less(x, F::broadcast(1.17549435e-38F));
  const I word = bits(select(subnormal, x * F::broadcast(8388608.0F), x));
  // Subtracting the bits of sqrt(1/2) makes the exponent field the k that puts 1 + f into its interval.
  const I k = shift_right<23>(word - I::broadcast(0x3F3504F3));
  const F f = as_floats(word - shift_left<23>(k)) - F::broadcast(1.0F);
  const F exponent = to_float(k) + select(subnormal, F::broadcast(-23.0F), zero);
  // Relative error of log 3e-9 for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
  const F p = horner(f, 0.06971611471F, -0.1147973385F, 0.1168541992F, -0.1242568733F, 0.1424905765F,
                     -0.1666780232F, 0.2000071575F, -0.2499999696F, 0.3333333118F);
  const F square = f * f;
  F y = fma(exponent, F::broadcast(-1.90465429995776804e-9F), (f * square) * p);
  y = fma(square, F::broadcast(-0.5F), y);
  y = fma(exponent, F::broadcast(0.693147182464599609375F), f + y);
  const F below = select(less(x, zero), F::broadcast(__builtin_nanf("")), F::broadcast(-__builtin_inff()));
  y = select(less(zero, x), y, below);
  y = select(less(F::broadcast(3.40282347e+38F), x), x, y);
  return select(is_nan(x), x, y);
}

/// Near 0 x + x^3 P(x^2), else 1 - 2 / (exp(2|x|) + 1) with the sign of x.
template <class Arch>
REFCALIB_INLINE Floats<Arch> tanh(Floats<Arch> x) {
  using F = Floats<Arch>;
  const F one = F::broadcast(1.0F);
  const F magnitude = abs(x);
  const F square = x * x;
  // Relative error 6e-10 for |x| <= 0.625.
  const F p = horner(square, 0.002292732341F, -0.008343934507F, 0.02176891529F, -0.05395925916F,
                     0.1333330356F, -0.3333333317F);
  const F near = fma(x * square, p, x);
  const F far = one - F::broadcast(2.0F) / (exp(magnitude + magnitude) + one);
  // copy_sign also keeps the sign of a zero.
  return copy_sign(select(less(magnitude, F::broadcast(0.625F)), near, far), x);
}

/// 1 / (1 + exp(-x))
template <class Arch>
REFCALIB_INLINE Floats<Arch> sigmoid(Floats<Arch> x) {
  const auto one = Floats<Arch>::broadcast(1.0F);
  return one / (one + exp(negate(x)));
}

/// Below 1 x + x P(x^2), else 1 - exp(Q(|x|)) with the sign of x, where Q is the logarithm of erfc.
template <class Arch>
REFCALIB_INLINE Floats<Arch> erf(Floats<Arch> x) {
  using F = Floats<Arch>;
  const F one = F::broadcast(1.0F);
  const F magnitude = abs(x);
  // Relative error 2e-9 for |x| <= 1.
  const F near = fma(x,
                     horner(x * x, 7.875875063e-5F, -0.0008016864287F, 0.005189087423F, -0.02685421201F,
                            0.1128359472F, -0.3761262667F, 0.128379166F),
                     x);
  // Absolute error of erfc 5e-10 for 1 <= |x| <= 4; erf(4) rounds to 1.
  const F q = horner(min(magnitude, F::broadcast(4.0F)), 1.637151415e-6F, -4.605804269e-5F, 0.0005968056257F,
                     -0.004759596293F, 0.02642113601F, -0.1100800829F, -0.6318260516F, -1.130233435F,
                     0.0003201380497F);
  const F far = copy_sign(one - exp(q), x);
  return select(is_nan(x), x, select(less(magnitude, one), near, far));
}

}  // namespace refcalib::engine::kernels
