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
    const bool rows = a.inner == 1 && a.in_stride == 1 && a.out_stride == 1;
    if (rows && a.n <= longest_short_row) {
      short_rows(a, begin, end);
      return;
    }
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const InnerUnit u = inner_unit(a.inner, unit);
      const float* input = a.input + u.outer * a.in_outer_stride + u.first;
      float* output = a.output + u.outer * a.out_outer_stride + u.first;
      if (rows) {
        row(input, output, a.n);
      } else {
        columns(input, a.in_stride, output, a.out_stride, a.n, u.last - u.first);
      }
    }
  }

 private:
  /// Vectors of a few classes, as detectors have them by the thousand.
  static void short_rows(const SoftmaxArgs& a, std::int64_t begin, std::int64_t end) {
    float block[longest_short_row * columns_of_block];
    for (std::int64_t r = begin; r < end; r += columns_of_block) {
      const std::int64_t count = end - r < columns_of_block ? end - r : columns_of_block;
      rows_to_columns<Arch>(a.input + r * a.in_outer_stride, a.in_outer_stride, count, a.n, block);
      columns(block, columns_of_block, block, columns_of_block, a.n, count);
      columns_to_rows<Arch>(block, a.out_outer_stride, count, a.n, a.output + r * a.out_outer_stride);
    }
  }

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

  static void columns(const float* input, std::int64_t in_stride, float* output, std::int64_t out_stride,
                      std::int64_t n, std::int64_t count) {
    for_vectors<Arch, F::size>(count, [&](std::int64_t c, auto part) {
      F maximum[1];
      reduce_columns<Arch, MaxOp<Arch>>(input + c, n, in_stride, part, maximum);
      for (std::int64_t k = 0; k < n; ++k) {
        store(output + c + k * out_stride, K::first(load(input + c + k * in_stride, part), maximum[0]), part);
      }
      F sum[1];
      reduce_columns<Arch, typename K::Sum>(output + c, n, out_stride, part, sum);
      const F by = divisor(sum[0]);
      for (std::int64_t k = 0; k < n; ++k) {
        store(output + c + k * out_stride, K::last(load(output + c + k * out_stride, part), by), part);
      }
    });
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
