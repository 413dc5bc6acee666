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
void run_reduce(const ReduceArgs& a, std::int64_t begin, std::int64_t end) noexcept {
  const auto n = static_cast<float>(a.n);
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const InnerUnit u = inner_unit(a.inner, unit);
    const float* input = a.input + u.outer * a.in_outer_stride + u.first;
    float* output = a.output + u.outer * a.inner + u.first;
    if (a.inner == 1 && a.in_stride == 1) {
      const Floats<Arch> y = Op::result(reduce_row<Arch, Op>(input, a.n), n);
      store(output, y, First<Arch>{1});
      continue;
    }
    for_vectors<Arch, Floats<Arch>::size>(u.last - u.first, [&](std::int64_t c, auto columns) {
      store(output + c, Op::result(reduce_columns<Arch, Op>(input + c, a.n, a.in_stride, columns), n),
            columns);
    });
  }
}

template <class Arch>
constexpr ReduceKernels make_reduce_kernels(const char* name, Isa isa) {
  using R = ReduceOps<Arch>;
  return {name,
          isa,
          {&run_reduce<Arch, typename R::Sum>, &run_reduce<Arch, typename R::Mean>,
           &run_reduce<Arch, typename R::Max>, &run_reduce<Arch, typename R::Min>,
           &run_reduce<Arch, typename R::Prod>, &run_reduce<Arch, typename R::L1>,
           &run_reduce<Arch, typename R::L2>, &run_reduce<Arch, typename R::SumSquare>,
           &run_reduce<Arch, typename R::LogSum>}};
}

}  // namespace refcalib::engine::kernels
