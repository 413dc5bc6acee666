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
    with_power(beta, [&](auto power) {
      for_vectors<Arch, F::size>(count, [&](std::int64_t i, auto n) {
        const F t = F::broadcast(bias) + F::broadcast(alpha) * load(s + i, n);
        store(y + i, load(x + i, n) / power.of(t, F::broadcast(beta)), n);
      });
    });
  }

  static void row(const float* x, std::int64_t half, float* y, std::int64_t count, float alpha, float beta,
                  float bias) noexcept {
    with_power(beta, [&](auto power) {
      for_vectors<Arch, F::size>(count, [&](std::int64_t i, auto n) {
        F s = F::broadcast(0.0F);
        for (std::int64_t shift = -half; shift <= half; ++shift) {
          const F v = load(x + i + shift, n);
          s = s + v * v;
        }
        const F t = F::broadcast(bias) + F::broadcast(alpha) * s;
        store(y + i, load(x + i, n) / power.of(t, F::broadcast(beta)), n);
      });
    });
  }

 private:
  template <class Body>
  REFCALIB_INLINE static void with_power(float beta, const Body& body) {
    if (beta == 0.75F) return body(ThreeQuarters{});
    if (beta == 0.5F) return body(Half{});
    if (beta == 1.0F) return body(Whole{});
    body(Any{});
  }
};

template <class Arch>
constexpr LrnKernels make_lrn_kernels(const char* name, Isa isa) {
  return {name, isa, &Lrn<Arch>::square_sum, &Lrn<Arch>::scale, &Lrn<Arch>::row};
}

}  // namespace refcalib::engine::kernels
