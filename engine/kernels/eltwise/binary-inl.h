#pragma once

#include "engine/kernels/eltwise/eltwise.h"
#include "engine/kernels/eltwise/units.h"
#include "engine/kernels/rows-inl.h"

/// The binary operations of eltwise.h: one small type each, in the order of BinaryOp, and one loop for all.
namespace refcalib::engine::kernels {

template <class Arch>
struct BinaryOps {
  using F = Floats<Arch>;

  struct Add {
    static F apply(F a, F b) { return a + b; }
  };
  struct Subtract {
    static F apply(F a, F b) { return a - b; }
  };
  struct Multiply {
    static F apply(F a, F b) { return a * b; }
  };
  struct Divide {
    static F apply(F a, F b) { return a / b; }
  };
  struct Maximum {
    static F apply(F a, F b) { return max(a, b); }
  };
  struct Minimum {
    static F apply(F a, F b) { return min(a, b); }
  };
  struct SquaredDiff {
    static F apply(F a, F b) { return (a - b) * (a - b); }
  };
  struct Prelu {
    static F apply(F a, F b) { return select(less(a, F::broadcast(0)), a * b, a); }
  };
};

/// An operand along the innermost axis: its own memory, or one value.
template <class Arch>
struct RowOperand {
  const float* p;
  template <class N>
  Floats<Arch> at(std::int64_t i, N n) const {
    return load(p + i, n);
  }
};
template <class Arch>
struct ConstantOperand {
  Floats<Arch> value;
  template <class N>
  Floats<Arch> at(std::int64_t, N) const {
    return value;
  }
};

/// `p` itself if its elements are neighbours, else `buffer` with the elements gathered into it.
template <class Arch>
const float* gathered(const float* p, std::int64_t stride, std::int64_t count, float* buffer) {
  if (stride == 1) {
    return p;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    buffer[i] = p[i * stride];
  }
  return buffer;
}

/// Calls piece(a, b, a stride, b stride, output, count) for each unit of work, `output` being dense.
template <class Arch, class Piece>
REFCALIB_INLINE void for_binary_pieces(const BinaryArgs& args, std::int64_t begin, std::int64_t end,
                                       const Piece& piece) {
  float results[row_piece];
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const BinaryPiece u = binary_piece(args, unit);
    float* out = args.output + u.out;
    const bool dense = u.out_stride == 1;
    piece(args.a + u.a, args.b + u.b, u.a_stride, u.b_stride, dense ? out : results, u.count);
    for (std::int64_t i = 0; !dense && i < u.count; ++i) {
      out[i * u.out_stride] = results[i];
    }
  }
}

template <class Arch, class Op>
struct Binary {
  static void run(const BinaryArgs& args, std::int64_t begin, std::int64_t end) noexcept {
    using F = Floats<Arch>;
    float a_buffer[row_piece];
    float b_buffer[row_piece];
    for_binary_pieces<Arch>(args, begin, end,
                            [&](const float* a, const float* b, std::int64_t a_stride, std::int64_t b_stride,
                                float* out, std::int64_t count) {
                              if (b_stride == 0) {
                                const RowOperand<Arch> row{gathered<Arch>(a, a_stride, count, a_buffer)};
                                row_of(row, ConstantOperand<Arch>{F::broadcast(*b)}, out, count);
                              } else if (a_stride == 0) {
                                const RowOperand<Arch> row{gathered<Arch>(b, b_stride, count, b_buffer)};
                                row_of(ConstantOperand<Arch>{F::broadcast(*a)}, row, out, count);
                              } else {
                                const RowOperand<Arch> first{gathered<Arch>(a, a_stride, count, a_buffer)};
                                const RowOperand<Arch> second{gathered<Arch>(b, b_stride, count, b_buffer)};
                                row_of(first, second, out, count);
                              }
                            });
  }

 private:
  template <class A, class B>
  REFCALIB_INLINE static void row_of(const A& a, const B& b, float* out, std::int64_t count) {
    for_vectors<Arch, Floats<Arch>::size>(
        count, [&](std::int64_t i, auto n) { store(out + i, Op::apply(a.at(i, n), b.at(i, n)), n); });
  }
};

template <class Arch>
void run_power(const BinaryArgs& args, std::int64_t begin, std::int64_t end) noexcept {
  float a_buffer[row_piece];
  float b_buffer[row_piece];
  for_binary_pieces<Arch>(args, begin, end,
                          [&](const float* a, const float* b, std::int64_t a_stride, std::int64_t b_stride,
                              float* out, std::int64_t count) {
                            power_block(gathered<Arch>(a, a_stride, count, a_buffer),
                                        gathered<Arch>(b, b_stride, count, b_buffer), out, count);
                          });
}

}  // namespace refcalib::engine::kernels
