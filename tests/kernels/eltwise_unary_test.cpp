#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "engine/kernels/eltwise/eltwise.h"
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

/// An operation, its parameters, the interval that is tested, and the error that is allowed there:
/// an element passes if it is within `ulps` or within `absolute` of the exact value.
struct Op {
  UnaryOp op;
  float alpha, beta;
  float low, high;
  double ulps, absolute;
};

const std::vector<Op> operations = {
    {UnaryOp::abs, 0, 0, -100, 100, 0, 0},
    {UnaryOp::negate, 0, 0, -100, 100, 0, 0},
    {UnaryOp::relu, 0, 0, -100, 100, 0, 0},
    {UnaryOp::leaky_relu, 0.1F, 0, -100, 100, 0.5, 0},
    {UnaryOp::clamp, -1, 6, -100, 100, 0, 0},
    {UnaryOp::sigmoid, 0, 0, -87, 110, 2.5, 0},
    {UnaryOp::tanh, 0, 0, -12, 12, 1.5, 0},
    {UnaryOp::exp, 0, 0, -106, 90, 1.25, 0},
    {UnaryOp::log, 0, 0, 0, 1000, 1, 0},
    {UnaryOp::sqrt, 0, 0, 0, 1000, 0.5, 0},
    {UnaryOp::erf, 0, 0, -5, 5, 1.5, 0},
    {UnaryOp::floor, 0, 0, -100, 100, 0, 0},
    {UnaryOp::ceil, 0, 0, -100, 100, 0, 0},
    {UnaryOp::round, 0, 0, -100, 100, 0, 0},
    {UnaryOp::elu, 1.5F, 0, -30, 30, 4, 2e-7},
    {UnaryOp::swish, 1.25F, 0, -60, 60, 8, 2e-7},
    {UnaryOp::hswish, 0, 0, -10, 10, 4, 2e-6},
    {UnaryOp::hsigmoid, 0, 0, -10, 10, 3, 2e-7},
    {UnaryOp::hard_sigmoid, 0.2F, 0.5F, -10, 10, 3, 2e-7},
    {UnaryOp::softplus, 0, 0, -40, 40, 4, 2e-7},
    {UnaryOp::mish, 0, 0, -40, 40, 8, 2e-7},
    {UnaryOp::gelu_erf, 0, 0, -10, 10, 8, 1e-6},
    {UnaryOp::gelu_tanh, 0, 0, -10, 10, 8, 1e-6},
    {UnaryOp::linear, 1.5F, -0.25F, -10, 10, 1, 2e-6},
};

// Distance in units of the spacing of floats at the exact value.
double ulps_between(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  if (got == rounded) {
    return 0;
  }
  if (!std::isfinite(rounded) || !std::isfinite(got)) {
    return inf;
  }
  const float at = std::fmax(std::fabs(rounded), std::numeric_limits<float>::min());
  const double spacing = static_cast<double>(std::nextafter(at, inf)) - static_cast<double>(at);
  return std::fabs(static_cast<double>(got) - exact) / spacing;
}

std::vector<float> run(const EltwiseKernels& kernels, const Op& op, const std::vector<float>& input) {
  std::vector<float> output(input.size());
  UnaryArgs args;
  args.input = input.data();
  args.output = output.data();
  args.channels = static_cast<std::int64_t>(input.size());
  args.alpha = op.alpha;
  args.beta = op.beta;
  kernels.of(op.op)(args, 0, work_items(args));
  return output;
}

bool same_or_nan(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

// Uniform values and values of every magnitude inside the interval.
std::vector<float> samples(const Op& op, std::size_t count) {
  Random random(31);
  std::vector<float> values;
  while (values.size() < count) {
    values.push_back(random.real(op.low, op.high));
    const float any = random.any_float();
    if (any >= op.low && any <= op.high) {
      values.push_back(any);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("the table of unary operations is complete and in order", "[eltwise]") {
  REQUIRE(operations.size() == unary_op_count);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    CHECK(static_cast<std::size_t>(operations[i].op) == i);
  }
}

TEST_CASE("unary operations are as exact as documented", "[eltwise]") {
  for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
    for (const Op& op : operations) {
      const std::vector<float> input = samples(op, 60000);
      const std::vector<float> output = run(kernels, op, input);
      double worst = 0;
      float worst_at = 0;
      for (std::size_t i = 0; i < input.size(); ++i) {
        const double exact = reference::unary(op.op, static_cast<double>(input[i]),
                                              static_cast<double>(op.alpha), static_cast<double>(op.beta));
        const double ulps = ulps_between(output[i], exact);
        if (ulps > worst && !(std::fabs(static_cast<double>(output[i]) - exact) <= op.absolute)) {
          worst = ulps;
          worst_at = input[i];
        }
      }
      CAPTURE(kernels.name, static_cast<int>(op.op), worst_at);
      CHECK(worst <= op.ulps);
    }
  }
}

TEST_CASE("unary operations give the same bits on every instruction set", "[eltwise]") {
  const auto tables = runnable(eltwise_kernels());
  for (const Op& op : operations) {
    std::vector<float> input = samples(op, 4000);
    Random random(32);
    for (int i = 0; i < 20000; ++i) {
      input.push_back(random.any_float());
    }
    const std::vector<float> expected = run(tables.back(), op, input);
    for (const EltwiseKernels& kernels : tables) {
      CAPTURE(kernels.name, static_cast<int>(op.op));
      const std::vector<float> output = run(kernels, op, input);
      CHECK(std::equal(output.begin(), output.end(), expected.begin(), same_or_nan));
    }
  }
}

TEST_CASE("unary operations of special values", "[eltwise]") {
  struct Row {
    UnaryOp op;
    float x, expected;
  };
  const std::vector<Row> table = {
      {UnaryOp::exp, inf, inf},
      {UnaryOp::exp, -inf, 0},
      {UnaryOp::exp, not_a_number, not_a_number},
      {UnaryOp::exp, 0, 1},
      {UnaryOp::exp, -0.0F, 1},
      {UnaryOp::exp, 88.73F, inf},
      {UnaryOp::exp, -104, 0},
      {UnaryOp::exp, 1e30F, inf},
      {UnaryOp::exp, -1e30F, 0},
      {UnaryOp::log, 0, -inf},
      {UnaryOp::log, -0.0F, -inf},
      {UnaryOp::log, 1, 0},
      {UnaryOp::log, -1, not_a_number},
      {UnaryOp::log, inf, inf},
      {UnaryOp::log, -inf, not_a_number},
      {UnaryOp::log, not_a_number, not_a_number},
      {UnaryOp::tanh, inf, 1},
      {UnaryOp::tanh, -inf, -1},
      {UnaryOp::tanh, not_a_number, not_a_number},
      {UnaryOp::tanh, -0.0F, -0.0F},
      {UnaryOp::tanh, 20, 1},
      {UnaryOp::sigmoid, inf, 1},
      {UnaryOp::sigmoid, -inf, 0},
      {UnaryOp::sigmoid, not_a_number, not_a_number},
      {UnaryOp::sigmoid, 0, 0.5F},
      {UnaryOp::erf, inf, 1},
      {UnaryOp::erf, -inf, -1},
      {UnaryOp::erf, not_a_number, not_a_number},
      {UnaryOp::erf, -0.0F, -0.0F},
      {UnaryOp::sqrt, -1, not_a_number},
      {UnaryOp::sqrt, inf, inf},
      {UnaryOp::relu, not_a_number, 0},
      {UnaryOp::relu, inf, inf},
      {UnaryOp::round, 0.5F, 0},
      {UnaryOp::round, 1.5F, 2},
      {UnaryOp::round, -2.5F, -2},
      {UnaryOp::round, 3e9F, 3e9F},
      {UnaryOp::floor, -0.5F, -1},
      {UnaryOp::ceil, -0.5F, -0.0F},
      {UnaryOp::hswish, -3, -0.0F},
      {UnaryOp::hswish, 4, 4},
      {UnaryOp::softplus, inf, inf},
      {UnaryOp::softplus, -inf, 0},
      {UnaryOp::mish, 50, 50},
      {UnaryOp::mish, 1e20F, 1e20F},
      {UnaryOp::gelu_erf, 10, 10},
      {UnaryOp::gelu_tanh, 10, 10},
      {UnaryOp::abs, -0.0F, 0},
      {UnaryOp::negate, 0, -0.0F},
  };
  for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
    for (const Row& row : table) {
      CAPTURE(kernels.name, static_cast<int>(row.op), row.x);
      const std::vector<float> output =
          run(kernels, {row.op, 0, 0, 0, 0, 0, 0}, std::vector<float>(19, row.x));
      CHECK(std::all_of(output.begin(), output.end(),
                        [&row](float y) { return same_or_nan(y, row.expected); }));
    }
  }
}

TEST_CASE("unary operations respect row strides, tails and guarded memory", "[eltwise]") {
  struct View {
    std::int64_t rows, channels, in_stride, out_stride;
  };
  const std::vector<View> views = {
      {1, 1, 1, 1}, {5, 3, 4, 5}, {3, 17, 17, 20}, {2, 1024, 1024, 1024}, {2, 2500, 2501, 2600}};
  Random random(33);
  for (const View& v : views) {
    GuardedBuffer<float> input(static_cast<std::size_t>((v.rows - 1) * v.in_stride + v.channels));
    random.fill_real(input, -5, 5);
    const auto out_size = static_cast<std::size_t>((v.rows - 1) * v.out_stride + v.channels);
    GuardedBuffer<float> expected(out_size);
    for (std::int64_t r = 0; r < v.rows; ++r) {
      for (std::int64_t c = 0; c < v.channels; ++c) {
        expected[static_cast<std::size_t>(r * v.out_stride + c)] =
            reference::max(input[static_cast<std::size_t>(r * v.in_stride + c)], 0);
      }
    }
    for (const EltwiseKernels& kernels : runnable(eltwise_kernels())) {
      CAPTURE(kernels.name, v.rows, v.channels);
      GuardedBuffer<float> output(out_size);
      UnaryArgs args{input.data(), output.data(), v.rows, v.channels, v.in_stride, v.out_stride, 0, 0};
      const std::int64_t items = work_items(args);
      kernels.of(UnaryOp::relu)(args, items / 2, items);
      kernels.of(UnaryOp::relu)(args, 0, items / 2);
      CHECK(same_bytes(output, expected));
    }
  }
}
