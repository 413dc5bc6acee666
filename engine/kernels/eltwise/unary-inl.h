#pragma once

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/eltwise/units.h"
#include "engine/kernels/rows-inl.h"
#include "engine/kernels/vector_math-inl.h"

/// The unary operations of eltwise.h: one small type each, in the order of UnaryOp, and one loop for all.
namespace refcalib::engine::kernels {

/// The parameters of an operation as vectors.
template <class Arch>
struct UnaryParameters {
  Floats<Arch> alpha, beta;
};

template <class Arch>
struct UnaryOps {
  using F = Floats<Arch>;
  using P = UnaryParameters<Arch>;
  REFCALIB_INLINE static F constant(float x) { return F::broadcast(x); }
  /// min(max(x, 0), high)
  REFCALIB_INLINE static F ramp(F x, float high) { return min(max(x, constant(0)), constant(high)); }
  REFCALIB_INLINE static F below_zero(F x, F y) { return select(less(x, constant(0)), y, x); }
  REFCALIB_INLINE static F gelu(F x, F tail) { return (constant(0.5F) * x) * (constant(1) + tail); }

  struct Abs {
    static F apply(F x, const P&) { return abs(x); }
  };
  struct Negate {
    static F apply(F x, const P&) { return negate(x); }
  };
  struct Relu {
    static F apply(F x, const P&) { return max(x, constant(0)); }
  };
  struct LeakyRelu {
    static F apply(F x, const P& p) { return below_zero(x, x * p.alpha); }
  };
  struct Clamp {
    static F apply(F x, const P& p) { return min(max(x, p.alpha), p.beta); }
  };
  struct Sigmoid {
    static F apply(F x, const P&) { return sigmoid(x); }
  };
  struct Tanh {
    static F apply(F x, const P&) { return tanh(x); }
  };
  struct Exp {
    static F apply(F x, const P&) { return exp(x); }
  };
  struct Log {
    static F apply(F x, const P&) { return log(x); }
  };
  struct Sqrt {
    static F apply(F x, const P&) { return sqrt(x); }
  };
  struct Erf {
    static F apply(F x, const P&) { return erf(x); }
  };
  struct Floor {
    static F apply(F x, const P&) { return floor(x); }
  };
  struct Ceil {
    static F apply(F x, const P&) { return ceil(x); }
  };
  struct Round {
    static F apply(F x, const P&) { return round(x); }
  };
  struct Elu {
    static F apply(F x, const P& p) { return below_zero(x, p.alpha * (exp(x) - constant(1))); }
  };
  struct Swish {
    static F apply(F x, const P& p) { return x * sigmoid(p.alpha * x); }
  };
  struct HSwish {
    static F apply(F x, const P&) { return x * (ramp(x + constant(3), 6) * constant(1.0F / 6.0F)); }
  };
  struct HSigmoid {
    static F apply(F x, const P&) { return ramp(x + constant(3), 6) * constant(1.0F / 6.0F); }
  };
  struct HardSigmoid {
    static F apply(F x, const P& p) { return ramp(x * p.alpha + p.beta, 1); }
  };
  struct Softplus {
    static F apply(F x, const P&) { return max(x, constant(0)) + log(constant(1) + exp(negate(abs(x)))); }
  };
  struct Mish {
    static F apply(F x, const P&) {
      // Beyond 20 the factor rounds to 1; the bound keeps the square of e finite.
      const F e = exp(min(x, constant(20)));
      const F m = e * (e + constant(2));
      return x * (m / (m + constant(2)));
    }
  };
  struct GeluErf {
    static F apply(F x, const P&) { return gelu(x, erf(x * constant(0.707106781F))); }
  };
  struct GeluTanh {
    static F apply(F x, const P&) {
      const F cubic = constant(0.044715F) * ((x * x) * x);
      return gelu(x, tanh((x + cubic) * constant(0.797884561F)));
    }
  };
  struct Linear {
    static F apply(F x, const P& p) { return x * p.alpha + p.beta; }
  };
};

template <class Arch, class Op>
void run_unary(const UnaryArgs& a, std::int64_t begin, std::int64_t end) noexcept {
  const UnaryParameters<Arch> parameters{Floats<Arch>::broadcast(a.alpha), Floats<Arch>::broadcast(a.beta)};
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const RowPiece piece = unary_piece(a, unit);
    const float* input = a.input + piece.row * a.in_stride + piece.first;
    float* output = a.output + piece.row * a.out_stride + piece.first;
    for_vectors<Arch, Floats<Arch>::size>(piece.count, [&](std::int64_t i, auto n) {
      store(output + i, Op::apply(load(input + i, n), parameters), n);
    });
  }
}

}  // namespace refcalib::engine::kernels
