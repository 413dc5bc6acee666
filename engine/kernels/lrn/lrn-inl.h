#pragma once

#include "engine/kernels/lrn/lrn.h"
#include "engine/kernels/rows-inl.h"
#include "engine/kernels/vector_math-inl.h"

/// The steps of lrn.h, once for all instruction sets.
namespace refcalib::engine::kernels {

template <class Arch>
struct Lrn {
  using F = Floats<Arch>;

  static void square_sum(const float* x, float* s, std::int64_t count) noexcept {
    for_vectors<Arch, F::size>(count, [&](std::int64_t i, auto n) {
      const F v = load(x + i, n);
      store(s + i, load(s + i, n) + v * v, n);
    });
  }

  struct Whole {
    static F of(F t, F) { return t; }
  };
  struct Half {
    static F of(F t, F) { return sqrt(t); }
  };
  struct ThreeQuarters {
    static F of(F t, F) {
      const F root = sqrt(t);
      return root * sqrt(root);
    }
  };
  struct Any {
    static F of(F t, F beta) { return exp(beta * log(t)); }
  };

  static void scale(const float* x, const float* s, float* y, std::int64_t count, float alpha, float beta,
                    float bias) noexcept {
    if (beta == 0.75F) return scale_by<ThreeQuarters>(x, s, y, count, alpha, beta, bias);
    if (beta == 0.5F) return scale_by<Half>(x, s, y, count, alpha, beta, bias);
    if (beta == 1.0F) return scale_by<Whole>(x, s, y, count, alpha, beta, bias);
    scale_by<Any>(x, s, y, count, alpha, beta, bias);
  }

 private:
  template <class Power>
  static void scale_by(const float* x, const float* s, float* y, std::int64_t count, float alpha, float beta,
                       float bias) {
    const F a = F::broadcast(alpha), b = F::broadcast(beta), k = F::broadcast(bias);
    for_vectors<Arch, F::size>(count, [&](std::int64_t i, auto n) {
      const F t = k + a * load(s + i, n);
      store(y + i, load(x + i, n) / Power::of(t, b), n);
    });
  }
};

template <class Arch>
constexpr LrnKernels make_lrn_kernels(const char* name, Isa isa) {
  return {name, isa, &Lrn<Arch>::square_sum, &Lrn<Arch>::scale};
}

}  // namespace refcalib::engine::kernels
