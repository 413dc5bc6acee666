#include "engine/kernels/softmax/softmax.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/kernels/softmax/reference.h"
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
  std::int64_t outer, n, inner, slack;
};

const std::vector<Shape> shapes = {
    {1, 1, 1, 0},  {4, 2, 1, 0}, {3, 15, 1, 0},  {2, 17, 1, 0},  {1, 1000, 1, 0},
    {5, 21, 1, 3}, {2, 3, 5, 0}, {1, 21, 64, 0}, {2, 10, 67, 4}, {1, 40, 130, 0},
};

using Run = SoftmaxKernels::Run SoftmaxKernels::*;
constexpr Run kinds[] = {&SoftmaxKernels::softmax, &SoftmaxKernels::log_softmax};

SoftmaxArgs args_of(const Shape& s) {
  SoftmaxArgs a;
  a.outer = s.outer;
  a.n = s.n;
  a.inner = s.inner;
  a.in_stride = a.out_stride = s.inner + s.slack;
  a.in_outer_stride = a.out_outer_stride = s.n * a.in_stride;
  return a;
}

std::size_t size_of(const Shape& s) {
  const SoftmaxArgs a = args_of(s);
  return static_cast<std::size_t>((s.outer - 1) * a.in_outer_stride + (s.n - 1) * a.in_stride + s.inner);
}

GuardedBuffer<float> run(const SoftmaxKernels& kernels, Run kind, const Shape& s,
                         const GuardedBuffer<float>& input) {
  GuardedBuffer<float> output(input.size());
  SoftmaxArgs args = args_of(s);
  args.input = input.data();
  args.output = output.data();
  const std::int64_t items = work_items(args);
  (kernels.*kind)(args, items / 2, items);
  (kernels.*kind)(args, 0, items / 2);
  return output;
}

}  // namespace

TEST_CASE("softmax is close to the exact value and has the same bits on every instruction set", "[softmax]") {
  Random random(51);
  for (const Shape& s : shapes) {
    GuardedBuffer<float> input(size_of(s));
    random.fill_real(input, -10, 10);
    for (const Run kind : kinds) {
      const bool logarithm = kind == kinds[1];
      const auto expected = run(softmax_kernels().back(), kind, s, input);
      std::vector<double> exact(input.size());
      const SoftmaxArgs a = args_of(s);
      for (std::int64_t o = 0; o < s.outer; ++o) {
        for (std::int64_t i = 0; i < s.inner; ++i) {
          const std::int64_t at = o * a.in_outer_stride + i;
          reference::softmax(input.data() + at, exact.data() + at, s.n, a.in_stride, logarithm);
          double worst = 0;
          for (std::int64_t k = 0; k < s.n; ++k) {
            const auto e = static_cast<std::size_t>(at + k * a.in_stride);
            const double error = std::fabs(static_cast<double>(expected[e]) - exact[e]);
            worst = std::fmax(worst, logarithm ? error / 20 : error / exact[e]);
          }
          CAPTURE(s.n, s.inner, logarithm);
          // Half an ulp of a difference of up to 20 is the larger part: 20 * 2^-24.
          CHECK(worst < 2e-6);
        }
      }
      for (const SoftmaxKernels& kernels : runnable(softmax_kernels())) {
        CAPTURE(kernels.name, s.outer, s.n, s.inner, logarithm);
        CHECK(same_bytes(run(kernels, kind, s, input), expected));
      }
    }
  }
}

TEST_CASE("softmax does not depend on where the axis lies", "[softmax]") {
  Random random(52);
  const Shape row{1, 37, 1, 0}, column{1, 37, 1, 4};
  GuardedBuffer<float> dense(size_of(row)), strided(size_of(column));
  random.fill_real(dense, -3, 3);
  for (std::size_t k = 0; k < 37; ++k) {
    strided[k * 5] = dense[k];
  }
  for (const SoftmaxKernels& kernels : runnable(softmax_kernels())) {
    for (const Run kind : kinds) {
      const auto a = run(kernels, kind, row, dense);
      const auto b = run(kernels, kind, column, strided);
      for (std::size_t k = 0; k < 37; ++k) {
        CHECK(a[k] == b[k * 5]);
      }
    }
  }
}

TEST_CASE("softmax works in place and survives large and infinite inputs", "[softmax]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  struct Row {
    std::vector<float> input, expected;
  };
  const std::vector<Row> table = {
      {{1000, 1000}, {0.5F, 0.5F}},
      {{-1e30F, 1e30F, 1e30F, -inf}, {0, 0.5F, 0.5F, 0}},
      {{-1000, -1000, -1000, -1000}, {0.25F, 0.25F, 0.25F, 0.25F}},
  };
  for (const Row& row : table) {
    for (const SoftmaxKernels& kernels : runnable(softmax_kernels())) {
      CAPTURE(kernels.name);
      std::vector<float> values = row.input;
      const auto n = static_cast<std::int64_t>(values.size());
      kernels.softmax({values.data(), values.data(), 1, n, 1, n, 1, n, 1}, 0, 1);
      CHECK(values == row.expected);
    }
  }
}

TEST_CASE("softmax with a NaN is NaN throughout", "[softmax]") {
  for (const SoftmaxKernels& kernels : runnable(softmax_kernels())) {
    std::vector<float> values(20, 1.0F);
    values[7] = std::numeric_limits<float>::quiet_NaN();
    kernels.softmax({values.data(), values.data(), 1, 20, 1, 20, 1, 20, 1}, 0, 1);
    for (const float v : values) {
      CHECK(std::isnan(v));
    }
  }
}
