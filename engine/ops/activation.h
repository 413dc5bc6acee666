#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "engine/graph/attributes.h"

namespace refcalib::engine {

/// "Activation": one input, element-wise; integers stay integers. `function` is one of
///   relu | leaky_relu (alpha = negative slope) | clamp (alpha = min, beta = max) | sigmoid | tanh | exp | log | sqrt | abs |
///   neg | erf | floor | ceil | round (half to even) | round_away (half away from zero) | f8e4m3 | f8e5m2 (rounded to that format, saturating) |
///   sign | elu (alpha) |
///   selu (alpha below zero, beta overall) | hswish | hsigmoid | swish (alpha = beta of the op) | mish | softplus | softsign |
///   gelu | gelu_tanh | hard_sigmoid (alpha, beta) | square | reciprocal | linear (alpha * x + beta) |
///   affine (the same, but never on integers) |
///   power (alpha = exponent) | sin | cos | tan | asin | acos | atan | sinh | cosh | asinh | acosh | atanh |
///   logical_not (0 or 1 in the type of the input) | bitwise_not (integers) |
///   is_nan | is_finite | is_inf (alpha, beta: nonzero to detect negative, positive); these three give booleans
struct ActivationAttributes {
  std::string function;
  double alpha = 0;
  double beta = 0;

  template <class V>
  void visit(V& v) {
    v("function", function);
    v("alpha", alpha);
    v("beta", beta);
  }
};

/// "PRelu": inputs x and slope (constant, 1 or C elements): y = x < 0 ? x * slope[c] : x, c = dimension 1.
struct PReluAttributes {
  template <class V>
  void visit(V&) {}
};

/// What a fused activation does, in the terms of the kernels' epilogue. Part of the attributes of operations that can
/// absorb an activation. The slope, if any, is an input of the node.
struct FusedActivation {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::int64_t slope_input = -1;  ///< index of the input that holds the slope(s), -1 if none

  template <class V>
  void visit(V& v) {
    v("activation_low", low);
    v("activation_high", high);
    v("slope_input", slope_input);
  }
};

/// True if nothing has been fused yet.
inline bool is_identity(const FusedActivation& a) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return a.slope_input < 0 && a.low == -infinity && a.high == infinity;
}

}  // namespace refcalib::engine
