#pragma once

#include "engine/kernels/inner_units.h"
#include "engine/kernels/softmax/softmax.h"
#include "engine/kernels/vector_math-inl.h"
#include "engine/kernels/virtual_lanes-inl.h"

/// Softmax and log-softmax, once for all instruction sets. The output serves as the place for the
/// exponentials, so that nothing else is needed; vectors are short enough to stay in the cache between the
/// passes.
namespace refcalib::engine::kernels {

/// y = e / s from the exponentials that are in `output`.
template <class Arch>
struct PlainSoftmax {
  using F = Floats<Arch>;
  static F first(F x, F maximum) { return exp(x - maximum); }
  static F last(F stored, F sum) { return stored / sum; }
  using Sum = SumOp<Arch>;
};

/// y = (x - m) - log(s) from the differences that are in `output`.
template <class Arch>
struct LogSoftmax {
  using F = Floats<Arch>;
  static F first(F x, F maximum) { return x - maximum; }
  static F last(F stored, F log_sum) { return stored - log_sum; }
  struct Sum : SumOp<Arch> {
    static constexpr float padding = -__builtin_inff();  // exp gives the neutral 0
    static F element(F x) { return exp(x); }
  };
};

template <class Arch, template <class> class Kind>
struct Softmax {
  using F = Floats<Arch>;
  using K = Kind<Arch>;
  static constexpr bool logarithmic = K::Sum::padding != 0;

  static void run(const SoftmaxArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const InnerUnit u = inner_unit(a.inner, unit);
      const float* input = a.input + u.outer * a.in_outer_stride + u.first;
      float* output = a.output + u.outer * a.out_outer_stride + u.first;
      if (a.inner == 1 && a.in_stride == 1 && a.out_stride == 1) {
        row(input, output, a.n);
      } else {
        for_vectors<Arch, F::size>(
            u.last - u.first, [&](std::int64_t c, auto count) { columns(a, input + c, output + c, count); });
      }
    }
  }

 private:
  static void row(const float* input, float* output, std::int64_t n) {
    const F maximum = spread(reduce_row<Arch, MaxOp<Arch>>(input, n));
    for_vectors<Arch, F::size>(n, [&](std::int64_t k, auto count) {
      store(output + k, K::first(load(input + k, count), maximum), count);
    });
    const F sum = divisor(spread(reduce_row<Arch, typename K::Sum>(output, n)));
    for_vectors<Arch, F::size>(n, [&](std::int64_t k, auto count) {
      store(output + k, K::last(load(output + k, count), sum), count);
    });
  }

  template <class N>
  static void columns(const SoftmaxArgs& a, const float* input, float* output, N count) {
    const F maximum = reduce_columns<Arch, MaxOp<Arch>>(input, a.n, a.in_stride, count);
    for (std::int64_t k = 0; k < a.n; ++k) {
      store(output + k * a.out_stride, K::first(load(input + k * a.in_stride, count), maximum), count);
    }
    const F sum = divisor(reduce_columns<Arch, typename K::Sum>(output, a.n, a.out_stride, count));
    for (std::int64_t k = 0; k < a.n; ++k) {
      store(output + k * a.out_stride, K::last(load(output + k * a.out_stride, count), sum), count);
    }
  }

  static F divisor(F sum) {
    if constexpr (logarithmic) {
      return log(sum);
    } else {
      return sum;
    }
  }

  /// Lane 0 in every lane.
  static F spread(F x) {
    float lanes[lane_count<Arch>];
    store(lanes, x, Full<Arch>{});
    return F::broadcast(lanes[0]);
  }
};

template <class Arch>
constexpr SoftmaxKernels make_softmax_kernels(const char* name, Isa isa) {
  return {name, isa, &Softmax<Arch, PlainSoftmax>::run, &Softmax<Arch, LogSoftmax>::run};
}

}  // namespace refcalib::engine::kernels
