#include "engine/kernels/eltwise/eltwise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/kernels/eltwise/reference.h"
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

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct Case {
  const char* name;
  std::vector<std::int64_t> dims, a, b, out;  // extents and strides
};

const std::vector<Case> cases = {
    {"one element", {}, {}, {}, {}},
    {"same shape", {3, 5, 7}, {35, 7, 1}, {35, 7, 1}, {35, 7, 1}},
    {"long", {5000}, {1}, {1}, {1}},
    {"per channel", {4, 6, 33}, {198, 33, 1}, {0, 0, 1}, {198, 33, 1}},
    {"scalar on the right", {4, 17}, {17, 1}, {0, 0}, {17, 1}},
    {"scalar on the left", {4, 17}, {0, 0}, {17, 1}, {17, 1}},
    {"both scalar", {3, 20}, {0, 0}, {0, 0}, {20, 1}},
    {"per row", {9, 31}, {31, 1}, {1, 0}, {31, 1}},
    {"outer product", {8, 19}, {1, 0}, {0, 1}, {19, 1}},
    {"transposed operand", {13, 29}, {29, 1}, {1, 13}, {29, 1}},
    {"slices with pixel strides", {10, 24}, {40, 1}, {32, 1}, {50, 1}},
    {"strided output", {6, 18}, {18, 1}, {18, 1}, {1, 6}},
    {"eight axes",
     {2, 1, 2, 3, 1, 2, 1, 5},
     {60, 60, 30, 10, 10, 5, 5, 1},
     {0, 0, 15, 5, 0, 0, 0, 1},
     {60, 60, 30, 10, 10, 5, 5, 1}},
};

std::size_t reach(const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& stride) {
  std::int64_t last = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    last += (dims[d] - 1) * stride[d];
  }
  return static_cast<std::size_t>(last + 1);
}

BinaryArgs args_of(const Case& c) {
  BinaryArgs args;
  args.rank = static_cast<int>(c.dims.size());
  std::copy(c.dims.begin(), c.dims.end(), args.dims);
  std::copy(c.a.begin(), c.a.end(), args.a_stride);
  std::copy(c.b.begin(), c.b.end(), args.b_stride);
  std::copy(c.out.begin(), c.out.end(), args.out_stride);
  return args;
}

GuardedBuffer<float> random_floats(std::size_t count, Random& random, float low, float high) {
  GuardedBuffer<float> values(count);
  random.fill_real(values, low, high);
  return values;
}

std::size_t padded(std::int64_t channels) {
  return static_cast<std::size_t>((channels + 63) / 64 * 64);
}

}  // namespace

TEST_CASE("binary operations equal their reference under every broadcast", "[eltwise]") {
  Random random(21);
  for (const Case& c : cases) {
    const auto a = random_floats(reach(c.dims, c.a), random, -4, 4);
    const auto b = random_floats(reach(c.dims, c.b), random, -4, 4);
    for (int op = 0; op < binary_op_count; ++op) {
      BinaryArgs plain = args_of(c);
      plain.a = a.data();
      plain.b = b.data();
      GuardedBuffer<float> expected(reach(c.dims, c.out));
      plain.output = expected.data();
      reference::binary(static_cast<BinaryOp>(op), plain);
      for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
        for (BinaryArgs args : {plain, normalized(plain)}) {
          CAPTURE(c.name, op, kernels.name, args.rank);
          GuardedBuffer<float> output(expected.size());
          args.output = output.data();
          const std::int64_t items = work_items(args);
          kernels.of(static_cast<BinaryOp>(op))(args, items / 2, items);
          kernels.of(static_cast<BinaryOp>(op))(args, 0, items / 2);
          bool same = true;
          for (std::size_t i = 0; i < output.size(); ++i) {
            // pow of a negative base is NaN, whose sign is not specified.
            same = same && (same_bytes(std::vector<float>{output[i]}, std::vector<float>{expected[i]}) ||
                            (std::isnan(output[i]) && std::isnan(expected[i])));
          }
          CHECK(same);
        }
      }
    }
  }
}

TEST_CASE("binary operations work in place", "[eltwise]") {
  Random random(22);
  const auto b = random_floats(100, random, -2, 2);
  for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
    auto a = random_floats(100, random, -2, 2);
    std::vector<float> expected(100);
    for (std::size_t i = 0; i < 100; ++i) {
      expected[i] = a[i] + b[i];
    }
    BinaryArgs args;
    args.rank = 1;
    args.dims[0] = 100;
    args.a_stride[0] = args.b_stride[0] = args.out_stride[0] = 1;
    args.a = args.output = a.data();
    args.b = b.data();
    kernels.of(BinaryOp::add)(args, 0, work_items(args));
    CHECK(same_bytes(a, expected));
  }
}

TEST_CASE("maximum, minimum and prelu of special values", "[eltwise]") {
  struct Row {
    BinaryOp op;
    float a, b, expected;
  };
  const std::vector<Row> table = {
      {BinaryOp::maximum, not_a_number, 1, 1},
      {BinaryOp::minimum, not_a_number, 1, 1},
      {BinaryOp::maximum, inf, 1, inf},
      {BinaryOp::minimum, -inf, 1, -inf},
      {BinaryOp::maximum, -0.0F, 0, 0},
      {BinaryOp::prelu, -0.0F, 3, -0.0F},
      {BinaryOp::prelu, -inf, 0.5F, -inf},
      {BinaryOp::divide, 1, 0, inf},
      {BinaryOp::power, 2, 0.5F, std::sqrt(2.0F)},
  };
  for (const Row& row : table) {
    const std::vector<float> a(21, row.a), b(21, row.b), expected(21, row.expected);
    for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
      CAPTURE(kernels.name, static_cast<int>(row.op), row.a, row.b);
      std::vector<float> output(21);
      BinaryArgs args;
      args.rank = 1;
      args.dims[0] = 21;
      args.a_stride[0] = args.b_stride[0] = args.out_stride[0] = 1;
      args.a = a.data();
      args.b = b.data();
      args.output = output.data();
      kernels.of(row.op)(args, 0, work_items(args));
      CHECK(same_bytes(output, expected));
    }
  }
}

TEST_CASE("per-channel kernels equal their reference", "[eltwise]") {
  struct View {
    std::int64_t rows, channels, in_stride, out_stride;
  };
  const std::vector<View> views = {{1, 1, 1, 1},     {1000, 3, 3, 3},    {7, 3, 4, 5},
                                   {9, 16, 16, 16},  {20, 17, 17, 17},   {5, 33, 40, 33},
                                   {40, 48, 48, 48}, {3, 130, 130, 131}, {2, 1500, 1500, 1500}};
  Random random(23);
  for (const View& v : views) {
    const auto weight = random_floats(padded(v.channels), random, -2, 2);
    const auto bias = random_floats(padded(v.channels), random, -2, 2);
    const auto input =
        random_floats(static_cast<std::size_t>((v.rows - 1) * v.in_stride + v.channels), random, -3, 3);
    const auto out_size = static_cast<std::size_t>((v.rows - 1) * v.out_stride + v.channels);
    ChannelArgs args{input.data(), nullptr,       v.channels, v.in_stride,
                     v.out_stride, weight.data(), bias.data()};
    GuardedBuffer<float> affine(out_size), prelu(out_size);
    args.output = affine.data();
    reference::affine(args, v.rows);
    args.output = prelu.data();
    reference::prelu(args, v.rows);
    for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
      CAPTURE(kernels.name, v.rows, v.channels);
      GuardedBuffer<float> output(out_size);
      args.output = output.data();
      kernels.affine(args, v.rows / 3, v.rows);
      kernels.affine(args, 0, v.rows / 3);
      CHECK(same_bytes(output, affine));
      args.bias = nullptr;
      kernels.prelu(args, v.rows / 3, v.rows);
      kernels.prelu(args, 0, v.rows / 3);
      CHECK(same_bytes(output, prelu));
      args.bias = bias.data();
    }
  }
}

TEST_CASE("quantized sums and products equal their reference", "[eltwise]") {
  struct Shape {
    std::int64_t outer, rows, channels, slack;
    bool one_row_of_b;
  };
  const std::vector<Shape> shapes = {{1, 1, 1, 0, false}, {1, 7, 3, 0, false},  {2, 5, 17, 4, false},
                                     {3, 4, 64, 0, true}, {2, 3, 100, 9, true}, {1, 2, 257, 0, false},
                                     {2, 6, 16, 0, true}};
  Random random(24);
  for (const Shape& s : shapes) {
    for (const std::int32_t zero_point : {0, 3, 128, 255}) {
      QuantizedBinaryArgs q;
      q.rows = s.rows;
      q.channels = s.channels;
      q.a_stride = s.channels + s.slack;
      q.b_stride = s.one_row_of_b ? 0 : s.channels;
      q.out_stride = s.channels + 2 * s.slack;
      q.a_outer_stride = s.rows * q.a_stride;
      q.b_outer_stride = s.one_row_of_b ? s.channels : s.rows * q.b_stride;
      q.out_outer_stride = s.rows * q.out_stride;
      const auto size = [&s](std::int64_t outer_stride, std::int64_t stride) {
        return static_cast<std::size_t>((s.outer - 1) * outer_stride + (s.rows - 1) * stride + s.channels);
      };
      GuardedBuffer<std::uint8_t> a(size(q.a_outer_stride, q.a_stride)),
          b(size(q.b_outer_stride, q.b_stride));
      random.fill_integer(a, 0, 255);
      random.fill_integer(b, 0, 255);
      const auto a_scale = random_floats(padded(s.channels), random, 0.01F, 0.1F);
      const auto b_scale = random_floats(padded(s.channels), random, 0.01F, 0.1F);
      const auto inv_scale = random_floats(padded(s.channels), random, 1, 30);
      q.a = a.data();
      q.b = b.data();
      q.a_scale = a_scale.data();
      q.b_scale = b_scale.data();
      q.inv_scale = inv_scale.data();
      q.a_zero_point = zero_point;
      q.b_zero_point = 255 - zero_point;
      q.zero_point = 77;
      for (const bool clamped : {false, true}) {
        q.low = clamped ? 0.0F : -inf;
        q.high = clamped ? 6.0F : inf;
        for (const BinaryOp op : {BinaryOp::add, BinaryOp::multiply}) {
          GuardedBuffer<std::uint8_t> expected(size(q.out_outer_stride, q.out_stride));
          q.output = expected.data();
          reference::quantized(op, q, s.outer);
          for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
            CAPTURE(kernels.name, s.outer, s.rows, s.channels, zero_point, clamped);
            GuardedBuffer<std::uint8_t> output(expected.size());
            q.output = output.data();
            const std::int64_t items = s.outer * s.rows;
            const auto run = op == BinaryOp::add ? kernels.add_u8 : kernels.multiply_u8;
            run(q, items / 2, items);
            run(q, 0, items / 2);
            CHECK(same_bytes(output, expected));
          }
        }
      }
    }
  }
}

TEST_CASE("table look-up maps every byte", "[eltwise]") {
  std::vector<std::uint8_t> table(256);
  for (std::size_t i = 0; i < 256; ++i) {
    table[i] = static_cast<std::uint8_t>(i * 31 + 7);
  }
  GuardedBuffer<std::uint8_t> input(300 + 256), output(260 + 256), expected(260 + 256);
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<std::uint8_t>(i);
  }
  for (std::size_t row = 0; row < 2; ++row) {
    for (std::size_t c = 0; c < 256; ++c) {
      expected[row * 260 + c] = table[input[row * 300 + c]];
    }
  }
  const LookupArgs args{input.data(), output.data(), 256, 300, 260, table.data()};
  lookup_u8(args, 1, 2);
  lookup_u8(args, 0, 1);
  CHECK(same_bytes(output, expected));
}
