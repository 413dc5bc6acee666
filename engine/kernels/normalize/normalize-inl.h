#pragma once

#include "engine/kernels/inner_units.h"
#include "engine/kernels/normalize/normalize.h"
#include "engine/kernels/virtual_lanes-inl.h"

/// The normalizations of normalize.h, once for all instruction sets. The output holds the differences from the mean
/// between the passes, so that nothing else is needed.
namespace refcalib::engine::kernels {

template <class Arch>
struct SquareOp : SumOp<Arch> {
  static Floats<Arch> element(Floats<Arch> x) { return x * x; }
};

template <class Arch, NormalizeOp Op>
struct Normalize {
  using F = Floats<Arch>;
  static constexpr bool centred = Op == NormalizeOp::mean || Op == NormalizeOp::mean_variance ||
                                  Op == NormalizeOp::mean_variance_eps_outside;

  static void run(const NormalizeArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const bool rows = a.inner == 1 && a.in_stride == 1 && a.out_stride == 1;
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const InnerUnit u = inner_unit(a.inner, unit);
      const float* input = a.input + u.outer * a.in_outer_stride + u.first;
      float* output = a.output + u.outer * a.out_outer_stride + u.first;
      if (rows)
        row(input, output, a.n, a.eps);
      else
        columns(a, input, output, u.last - u.first);
    }
  }

 private:
  /// 1 / divisor from the sum of squares.
  static F factor(F squares, F n, F eps) {
    const F one = F::broadcast(1);
    if constexpr (Op == NormalizeOp::mean_variance) return one / sqrt(squares / n + eps);
    if constexpr (Op == NormalizeOp::mean_variance_eps_outside) return one / (sqrt(squares / n) + eps);
    if constexpr (Op == NormalizeOp::l2) return one / sqrt(squares + eps);
    return one / sqrt(max(squares, eps));
  }

  /// Lane 0 in every lane.
  static F spread(F x) {
    float lanes[lane_count<Arch>];
    store(lanes, x, Full<Arch>{});
    return F::broadcast(lanes[0]);
  }

  static void row(const float* input, float* output, std::int64_t n, float eps) {
    const F count = F::broadcast(static_cast<float>(n));
    const float* from = input;
    if constexpr (centred) {
      const F mean = spread(reduce_row<Arch, SumOp<Arch>>(input, n) / count);
      for_vectors<Arch, F::size>(
          n, [&](std::int64_t k, auto part) { store(output + k, load(input + k, part) - mean, part); });
      from = output;
    }
    if constexpr (Op != NormalizeOp::mean) {
      const F scale = spread(factor(reduce_row<Arch, SquareOp<Arch>>(from, n), count, F::broadcast(eps)));
      for_vectors<Arch, F::size>(
          n, [&](std::int64_t k, auto part) { store(output + k, load(from + k, part) * scale, part); });
    }
  }

  static void columns(const NormalizeArgs& a, const float* input, float* output, std::int64_t count) {
    constexpr int unroll = 4;
    std::int64_t c = 0;
    for (; c + unroll * F::size <= count; c += unroll * F::size)
      vectors<unroll>(a, input + c, output + c, Full<Arch>{});
    for_vectors<Arch, F::size>(
        count - c, [&](std::int64_t i, auto part) { vectors<1>(a, input + c + i, output + c + i, part); });
  }

  template <std::size_t V, class N>
  static void vectors(const NormalizeArgs& a, const float* input, float* output, N part) {
    const F count = F::broadcast(static_cast<float>(a.n));
    const float* from = input;
    std::int64_t stride = a.in_stride;
    F value[V];
    const auto each = [&](const auto& f) {
      for (std::int64_t k = 0; k < a.n; ++k) {
        for (std::size_t v = 0; v < V; ++v) {
          const auto at = static_cast<std::int64_t>(v) * F::size;
          store(output + k * a.out_stride + at, f(load(from + k * stride + at, part), value[v]), part);
        }
      }
    };
    if constexpr (centred) {
      reduce_columns<Arch, SumOp<Arch>>(from, a.n, stride, part, value);
      for (F& v : value) v = v / count;
      each([](F x, F mean) { return x - mean; });
      from = output;
      stride = a.out_stride;
    }
    if constexpr (Op != NormalizeOp::mean) {
      reduce_columns<Arch, SquareOp<Arch>>(from, a.n, stride, part, value);
      for (F& v : value) v = factor(v, count, F::broadcast(a.eps));
      each([](F x, F scale) { return x * scale; });
    }
  }
};

template <class Arch>
constexpr NormalizeKernels make_normalize_kernels(const char* name, Isa isa) {
  return {name,
          isa,
          {&Normalize<Arch, NormalizeOp::mean_variance>::run,
           &Normalize<Arch, NormalizeOp::mean_variance_eps_outside>::run,
           &Normalize<Arch, NormalizeOp::mean>::run, &Normalize<Arch, NormalizeOp::l2>::run,
           &Normalize<Arch, NormalizeOp::l2_eps_maximum>::run}};
}

}  // namespace refcalib::engine::kernels
