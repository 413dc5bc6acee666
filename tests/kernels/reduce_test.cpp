#include "engine/kernels/reduce/reduce.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/kernels/reduce/reference.h"
#include "tests/support/catch.hpp"
#include "tests/support/guarded_buffer.hpp"
#include "tests/support/random.hpp"
#include "tests/support/runnable.hpp"

using namespace refcalib::engine::kernels;
using refcalib_test::GuardedBuffer;
using refcalib_test::Random;
using refcalib_test::runnable;
using refcalib_test::same_bytes;

namespace {

struct Shape {
  std::int64_t outer, n, inner, slack;  // slack: elements between one k and the next
};

const std::vector<Shape> shapes = {
    {1, 1, 1, 0},    {3, 15, 1, 0},   {2, 16, 1, 0}, {2, 17, 1, 0},  {5, 31, 1, 0},
    {1, 1000, 1, 0}, {7, 3, 1, 0},    {2, 5, 3, 0},  {1, 49, 64, 0}, {3, 16, 17, 0},
    {2, 33, 65, 5},  {1, 20, 200, 9}, {4, 9, 1, 2},
};

}  // namespace

TEST_CASE("reductions equal their reference", "[reduce]") {
  Random random(41);
  for (const Shape& s : shapes) {
    const std::int64_t stride = s.inner + s.slack;
    const std::int64_t outer_stride = s.n * stride;
    GuardedBuffer<float> input(
        static_cast<std::size_t>((s.outer - 1) * outer_stride + (s.n - 1) * stride + s.inner));
    for (int op = 0; op < reduce_op_count; ++op) {
      const auto what = static_cast<ReduceOp>(op);
      random.fill_real(input, what == ReduceOp::log_sum ? 0.1F : -2.0F, 2);
      GuardedBuffer<float> expected(static_cast<std::size_t>(s.outer * s.inner));
      ReduceArgs args{input.data(), expected.data(), s.outer, s.n, s.inner, outer_stride, stride};
      reference::reduce(what, args);
      for (const ReduceKernels& kernels : runnable(reduce_kernels())) {
        CAPTURE(kernels.name, op, s.outer, s.n, s.inner, s.slack);
        GuardedBuffer<float> output(expected.size());
        args.output = output.data();
        const std::int64_t items = work_items(args);
        kernels.of(what)(args, items / 2, items);
        kernels.of(what)(args, 0, items / 2);
        if (what == ReduceOp::log_sum) {
          for (std::size_t i = 0; i < output.size(); ++i) {
            CHECK(output[i] == refcalib_test::Approx(expected[i]).epsilon(3e-7));
          }
        } else {
          CHECK(same_bytes(output, expected));
        }
      }
    }
  }
}

TEST_CASE("log_sum has the same bits on every instruction set", "[reduce]") {
  Random random(42);
  std::vector<float> input(777);
  random.fill_real(input, 0, 3);
  const auto run = [&input](const ReduceKernels& kernels) {
    float output = 0;
    const ReduceArgs args{input.data(), &output, 1, 777, 1, 777, 1};
    kernels.of(ReduceOp::log_sum)(args, 0, 1);
    return output;
  };
  for (const ReduceKernels& kernels : runnable(reduce_kernels())) {
    CAPTURE(kernels.name);
    CHECK(run(kernels) == run(reduce_kernels().back()));
  }
}

TEST_CASE("reductions of special values", "[reduce]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
  struct Row {
    ReduceOp op;
    std::vector<float> input;
    float expected;
  };
  const std::vector<Row> table = {
      {ReduceOp::max, {1, not_a_number, 3}, 3}, {ReduceOp::min, {1, not_a_number, 3}, 1},
      {ReduceOp::max, {not_a_number}, -inf},    {ReduceOp::sum, {-0.0F, -0.0F}, 0},
      {ReduceOp::sum, {inf, 1}, inf},           {ReduceOp::mean, {1, 2, 6}, 3},
      {ReduceOp::prod, {2, -3, 4}, -24},        {ReduceOp::l2, {3, 4}, 5},
  };
  for (const Row& row : table) {
    for (const ReduceKernels& kernels : runnable(reduce_kernels())) {
      CAPTURE(kernels.name, static_cast<int>(row.op));
      float output = -7;
      const auto n = static_cast<std::int64_t>(row.input.size());
      kernels.of(row.op)({row.input.data(), &output, 1, n, 1, n, 1}, 0, 1);
      CHECK(output == row.expected);
    }
  }
}
