#pragma once

#include "engine/kernels/inner_units.h"
#include "engine/kernels/reduce/reduce.h"
#include "engine/kernels/vector_math-inl.h"
#include "engine/kernels/virtual_lanes-inl.h"

/// The reductions of reduce.h, once for all instruction sets, in the order of ReduceOp.
namespace refcalib::engine::kernels {

template <class Arch>
struct ReduceOps {
  using F = Floats<Arch>;

  struct Sum : SumOp<Arch> {
    static F result(F total, float) { return total; }
  };
  struct Mean : SumOp<Arch> {
    static F result(F total, float n) { return total / F::broadcast(n); }
  };
  struct Max : MaxOp<Arch> {
    static F result(F total, float) { return total; }
  };
  struct Min {
    static constexpr float neutral = __builtin_inff(), padding = __builtin_inff();
    static F element(F x) { return x; }
    static F combine(F a, F b) { return min(a, b); }
    static F result(F total, float) { return total; }
  };
  struct Prod {
    static constexpr float neutral = 1, padding = 1;
    static F element(F x) { return x; }
    static F combine(F a, F b) { return a * b; }
    static F result(F total, float) { return total; }
  };
  struct L1 : SumOp<Arch> {
    static F element(F x) { return abs(x); }
    static F result(F total, float) { return total; }
  };
  struct SumSquare : SumOp<Arch> {
    static F element(F x) { return x * x; }
    static F result(F total, float) { return total; }
  };
  struct L2 : SumSquare {
    static F result(F total, float) { return sqrt(total); }
  };
  struct LogSum : SumOp<Arch> {
    static F result(F total, float) { return log(total); }
  };
};

template <class Arch, class Op>
struct Reduce {
  using F = Floats<Arch>;

  static void run(const ReduceArgs& a, std::int64_t begin, std::int64_t end) noexcept {
    const bool rows = a.inner == 1 && a.in_stride == 1;
    if (rows && a.n <= longest_short_row) {
      short_rows(a, begin, end);
      return;
    }
    for (std::int64_t unit = begin; unit < end; ++unit) {
      const InnerUnit u = inner_unit(a.inner, unit);
      const float* input = a.input + u.outer * a.in_outer_stride + u.first;
      float* output = a.output + u.outer * a.inner + u.first;
      if (rows) {
        store(output, Op::result(reduce_row<Arch, Op>(input, a.n), static_cast<float>(a.n)), First<Arch>{1});
      } else {
        columns(input, a.n, a.in_stride, u.last - u.first, output);
      }
    }
  }

 private:
  static void short_rows(const ReduceArgs& a, std::int64_t begin, std::int64_t end) {
    float block[longest_short_row * columns_of_block];
    for (std::int64_t r = begin; r < end; r += columns_of_block) {
      const std::int64_t count = end - r < columns_of_block ? end - r : columns_of_block;
      rows_to_columns<Arch>(a.input + r * a.in_outer_stride, a.in_outer_stride, count, a.n, block);
      columns(block, a.n, columns_of_block, count, a.output + r);
    }
  }

  static void columns(const float* input, std::int64_t n, std::int64_t stride, std::int64_t count,
                      float* output) {
    constexpr int unroll = 4;
    std::int64_t c = 0;
    for (; c + unroll * F::size <= count; c += unroll * F::size) {
      vectors<unroll>(input + c, n, stride, Full<Arch>{}, output + c);
    }
    for_vectors<Arch, F::size>(count - c, [&](std::int64_t i, auto part) {
      vectors<1>(input + c + i, n, stride, part, output + c + i);
    });
  }

  template <std::size_t V, class N>
  REFCALIB_INLINE static void vectors(const float* input, std::int64_t n, std::int64_t stride, N part,
                                      float* output) {
    F totals[V];
    reduce_columns<Arch, Op>(input, n, stride, part, totals);
    for (std::size_t v = 0; v < V; ++v) {
      store(output + static_cast<std::int64_t>(v) * F::size, Op::result(totals[v], static_cast<float>(n)),
            part);
    }
  }
};

template <class Arch>
constexpr ReduceKernels make_reduce_kernels(const char* name, Isa isa) {
  using R = ReduceOps<Arch>;
  return {name,
          isa,
          {&Reduce<Arch, typename R::Sum>::run, &Reduce<Arch, typename R::Mean>::run,
           &Reduce<Arch, typename R::Max>::run, &Reduce<Arch, typename R::Min>::run,
           &Reduce<Arch, typename R::Prod>::run, &Reduce<Arch, typename R::L1>::run,
           &Reduce<Arch, typename R::L2>::run, &Reduce<Arch, typename R::SumSquare>::run,
           &Reduce<Arch, typename R::LogSum>::run}};
}

}  // namespace refcalib::engine::kernels
