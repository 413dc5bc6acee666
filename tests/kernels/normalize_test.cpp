#include "engine/kernels/normalize/normalize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/kernels/lrn/lrn.h"
#include "engine/kernels/normalize/reference.h"
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
const std::vector<Shape> shapes = {{1, 1, 1, 0},   {4, 2, 1, 0},   {3, 15, 1, 0},
                                   {2, 768, 1, 0}, {5, 21, 1, 3},  {2, 3, 5, 0},
                                   {1, 21, 64, 0}, {2, 10, 67, 4}, {1, 40, 130, 0}};

}  // namespace

TEST_CASE("normalizations have the bits of the reference", "[normalize]") {
  Random random(61);
  for (const Shape& s : shapes)
    for (int op = 0; op < normalize_op_count; ++op) {
      NormalizeArgs args;
      args.outer = s.outer;
      args.n = s.n;
      args.inner = s.inner;
      args.in_stride = args.out_stride = s.inner + s.slack;
      args.in_outer_stride = args.out_outer_stride = s.n * args.in_stride;
      args.eps = 0.01F;
      const auto size = static_cast<std::size_t>((s.outer - 1) * args.in_outer_stride +
                                                 (s.n - 1) * args.in_stride + s.inner);
      GuardedBuffer<float> input(size), expected(size);
      random.fill_real(input, -3, 5);
      args.input = input.data();
      args.output = expected.data();
      reference::normalize(static_cast<NormalizeOp>(op), args);
      for (const NormalizeKernels& kernels : runnable(normalize_kernels())) {
        CAPTURE(kernels.name, op, s.outer, s.n, s.inner);
        GuardedBuffer<float> output(size);
        args.output = output.data();
        const std::int64_t items = work_items(args);
        kernels.normalize[op](args, items / 2, items);
        kernels.normalize[op](args, 0, items / 2);
        CHECK(same_bytes(output, expected));
        // In place.
        GuardedBuffer<float> both(size);
        std::copy(input.begin(), input.end(), both.begin());
        NormalizeArgs in_place = args;
        in_place.input = in_place.output = both.data();
        kernels.normalize[op](in_place, 0, items);
        for (std::int64_t o = 0; o < s.outer; ++o)
          for (std::int64_t k = 0; k < s.n; ++k)
            for (std::int64_t i = 0; i < s.inner; ++i) {
              const auto at = static_cast<std::size_t>(o * args.in_outer_stride + k * args.in_stride + i);
              CHECK(both[at] == expected[at]);
            }
      }
    }
}

TEST_CASE("the steps of local response normalization are exact where they can be", "[lrn]") {
  Random random(62);
  for (const std::size_t count : {std::size_t{1}, std::size_t{5}, std::size_t{16}, std::size_t{67}}) {
    GuardedBuffer<float> x(count), s(count);
    random.fill_real(x, -4, 4);
    random.fill_real(s, 0, 9);
    for (const float beta : {0.5F, 0.75F, 1.0F, 0.6F}) {
      std::vector<float> first;
      for (const LrnKernels& kernels : runnable(lrn_kernels())) {
        CAPTURE(kernels.name, count, beta);
        GuardedBuffer<float> sums(count), y(count);
        std::copy(s.begin(), s.end(), sums.begin());
        kernels.square_sum(x.data(), sums.data(), static_cast<std::int64_t>(count));
        for (std::size_t i = 0; i < count; ++i) CHECK(sums[i] == s[i] + x[i] * x[i]);
        kernels.scale(x.data(), sums.data(), y.data(), static_cast<std::int64_t>(count), 0.25F, beta, 2.0F);
        for (std::size_t i = 0; i < count; ++i) {
          const double t = 2 + 0.25 * static_cast<double>(sums[i]);
          const double exact = static_cast<double>(x[i]) / std::pow(t, static_cast<double>(beta));
          CHECK(std::fabs(static_cast<double>(y[i]) - exact) <= 2e-6 * std::fabs(exact));
        }
        const std::vector<float> result(y.begin(), y.end());
        if (first.empty()) first = result;
        CHECK(same_bytes(result, first));
      }
    }
  }
}
