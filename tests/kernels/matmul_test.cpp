#include "engine/kernels/matmul/matmul.h"

#include <cstdint>
#include <vector>

#include "engine/kernels/matmul/reference.h"
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

struct Case {
  std::int64_t m, n, k;
};

const std::vector<Case> cases = {{1, 1, 1},    {1, 65, 3},  {7, 1, 40},   {5, 16, 16},   {12, 64, 31},
                                 {13, 63, 17}, {97, 33, 9}, {200, 8, 64}, {3, 129, 100}, {2, 17, 1030}};

GuardedBuffer<float> run(const MatMulKernel& kernel, MatMulArgs args, std::size_t size, std::int64_t cut) {
  GuardedBuffer<float> c(size);
  std::vector<std::byte> memory(kernel.scratch_bytes(args) + 64);
  args.c = c.data();
  args.scratch = memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
  const std::int64_t items = kernel.work_items(args), middle = items * cut / 4;
  kernel.run(args, middle, items);
  kernel.run(args, 0, middle);
  return c;
}

}  // namespace

TEST_CASE("products of computed matrices have the bits of the reference", "[matmul]") {
  Random random(71);
  for (const Case& s : cases)
    for (const bool transpose_a : {false, true})
      for (const bool transpose_b : {false, true}) {
        const std::vector<std::int64_t> a_offset{0, s.m * s.k}, b_offset{s.k * s.n, 0},
            c_offset{0, s.m * s.n};
        GuardedBuffer<float> a(static_cast<std::size_t>(2 * s.m * s.k)),
            b(static_cast<std::size_t>(2 * s.k * s.n));
        random.fill_real(a, -1, 1);
        random.fill_real(b, -1, 1);
        MatMulArgs args;
        args.a = a.data();
        args.b = b.data();
        args.batch = 2;
        args.m = s.m;
        args.n = s.n;
        args.k = s.k;
        args.a_row = transpose_a ? 1 : s.k;
        args.a_column = transpose_a ? s.m : 1;
        args.b_row = transpose_b ? 1 : s.n;
        args.b_column = transpose_b ? s.k : 1;
        args.c_row = s.n;
        args.a_offset = a_offset.data();
        args.b_offset = b_offset.data();
        args.c_offset = c_offset.data();
        const auto size = static_cast<std::size_t>(2 * s.m * s.n);
        GuardedBuffer<float> expected(size);
        MatMulArgs naive = args;
        naive.c = expected.data();
        reference::matmul(naive);
        for (const MatMulKernel& kernel : runnable(matmul_kernels()))
          for (const std::int64_t cut : {0, 1, 3}) {
            CAPTURE(kernel.name, s.m, s.n, s.k, transpose_a, transpose_b, cut);
            CHECK(same_bytes(run(kernel, args, size, cut), expected));
          }
      }
}
