#include "engine/kernels/pool/pool.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "engine/kernels/pool/reference.h"
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
  const char* name;
  std::int64_t batch;
  Extent3 in, kernel, stride, dilation, pad, out;
};

const std::vector<Case> cases = {
    {"1x1", 2, {1, 3, 4}, {1, 1, 1}, {1, 1, 1}, {}, {0, 0, 0}, {1, 3, 4}},
    {"2x2/2", 1, {1, 8, 6}, {1, 2, 2}, {1, 2, 2}, {}, {0, 0, 0}, {1, 4, 3}},
    {"3x3/2 pad 1", 2, {1, 7, 9}, {1, 3, 3}, {1, 2, 2}, {}, {0, 1, 1}, {1, 4, 5}},
    {"3x3/1 same", 1, {1, 5, 5}, {1, 3, 3}, {1, 1, 1}, {}, {0, 1, 1}, {1, 5, 5}},
    {"3x3/2 ceil: window beyond the end", 1, {1, 6, 6}, {1, 3, 3}, {1, 2, 2}, {}, {0, 0, 0}, {1, 3, 3}},
    {"5x3, pads 2 and 0", 1, {1, 6, 7}, {1, 5, 3}, {1, 1, 2}, {}, {0, 2, 0}, {1, 6, 3}},
    {"dilated", 1, {1, 9, 9}, {1, 3, 2}, {1, 1, 1}, {1, 2, 3}, {0, 2, 1}, {1, 9, 8}},
    {"global 7x7", 2, {1, 7, 7}, {1, 7, 7}, {1, 1, 1}, {}, {0, 0, 0}, {1, 1, 1}},
    {"global 1x1", 1, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {}, {0, 0, 0}, {1, 1, 1}},
    {"3-D", 1, {4, 5, 3}, {2, 3, 3}, {2, 1, 1}, {}, {1, 1, 1}, {3, 5, 3}},
    {"empty windows", 1, {1, 2, 2}, {1, 1, 1}, {1, 1, 1}, {}, {0, 1, 1}, {1, 4, 4}},
};
const std::vector<std::int64_t> channel_counts = {1, 3, 5, 16, 17, 24, 33, 64, 100, 130, 300};

PoolGeometry geometry_of(const Case& c, std::int64_t channels, std::int64_t slack) {
  PoolGeometry g;
  g.batch = c.batch;
  g.channels = channels;
  g.in = c.in;
  g.kernel = c.kernel;
  g.stride = c.stride;
  g.dilation = c.dilation;
  g.pad = c.pad;
  g.out = c.out;
  g.in_pixel_stride = channels + slack;
  g.out_pixel_stride = channels + 2 * slack;
  return g;
}

// The divisor rules of the formats.
std::vector<CountBox> rules(const Case& c) {
  const Extent3 low{-c.pad.d, -c.pad.h, -c.pad.w};
  return {{{0, 0, 0}, c.in},
          {low, {c.in.d + c.pad.d, c.in.h + c.pad.h, c.in.w + c.pad.w}},
          {low, {c.in.d + 1, c.in.h + 2, c.in.w + 3}},
          CountBox::everything()};
}

std::size_t input_size(const PoolGeometry& g) {
  return static_cast<std::size_t>((g.batch * g.in.d * g.in.h * g.in.w - 1) * g.in_pixel_stride + g.channels);
}
std::size_t output_size(const PoolGeometry& g) {
  return static_cast<std::size_t>((g.batch * g.out.d * g.out.h * g.out.w - 1) * g.out_pixel_stride +
                                  g.channels);
}

using Reference = void (*)(const PoolGeometry&, const PoolOperands&);

template <class In, class Out>
void check(PoolKernels::Run PoolKernels::*form, Reference reference, const PoolGeometry& g, PoolOperands o,
           const GuardedBuffer<In>& input) {
  o.input = input.data();
  GuardedBuffer<Out> expected(output_size(g));
  o.output = expected.data();
  reference(g, o);
  for (const PoolKernels& kernels : runnable(pool_kernels())) {
    CAPTURE(kernels.name, g.channels, g.in_pixel_stride, o.in_zero_point);
    GuardedBuffer<Out> output(output_size(g));
    o.output = output.data();
    const std::int64_t items = work_items(g);
    const std::int64_t middle = items / 2;
    (kernels.*form)(g, o, middle, items);
    (kernels.*form)(g, o, 0, middle);
    CHECK(same_bytes(output, expected));
  }
}

GuardedBuffer<float> channel_array(std::int64_t channels, Random& random, float low, float high) {
  GuardedBuffer<float> values(static_cast<std::size_t>((channels + 63) / 64 * 64));
  random.fill_real(values, low, high);
  return values;
}

}  // namespace

TEST_CASE("max pooling equals its reference", "[pool]") {
  Random random(3);
  for (const Case& c : cases) {
    for (const std::int64_t channels : channel_counts) {
      const PoolGeometry g = geometry_of(c, channels, channels % 2 == 0 ? 0 : 3);
      GuardedBuffer<float> reals(input_size(g));
      random.fill_real(reals, -5, 5);
      GuardedBuffer<std::uint8_t> bytes(input_size(g));
      random.fill_integer(bytes, 0, 255);
      CAPTURE(c.name);
      check<float, float>(&PoolKernels::max_f32, reference::max_pool<float>, g, {}, reals);
      check<std::uint8_t, std::uint8_t>(&PoolKernels::max_u8, reference::max_pool<std::uint8_t>, g, {},
                                        bytes);
    }
  }
}

TEST_CASE("average pooling equals its reference under every divisor rule", "[pool]") {
  Random random(4);
  for (const Case& c : cases) {
    for (const std::int64_t channels : channel_counts) {
      PoolGeometry g = geometry_of(c, channels, channels % 2 == 0 ? 3 : 0);
      GuardedBuffer<float> reals(input_size(g));
      random.fill_real(reals, -5, 5);
      GuardedBuffer<std::uint8_t> bytes(input_size(g));
      random.fill_integer(bytes, 0, 255);
      const auto in_scale = channel_array(channels, random, 0.01F, 0.1F);
      const auto inv_scale = channel_array(channels, random, 5, 50);
      for (const CountBox& rule : rules(c)) {
        g.count = rule;
        PoolOperands o;
        o.in_scale = in_scale.data();
        o.inv_scale = inv_scale.data();
        o.in_zero_point = static_cast<std::int32_t>(random.integer(0, 255));
        o.zero_point = static_cast<std::int32_t>(random.integer(0, 255));
        CAPTURE(c.name);
        check<float, float>(&PoolKernels::average_f32, reference::average_pool<float, float>, g, o, reals);
        check<float, std::uint8_t>(&PoolKernels::average_f32_to_u8,
                                   reference::average_pool<float, std::uint8_t>, g, o, reals);
        check<std::uint8_t, std::uint8_t>(&PoolKernels::average_u8,
                                          reference::average_pool<std::uint8_t, std::uint8_t>, g, o, bytes);
        check<std::uint8_t, float>(&PoolKernels::average_u8_to_f32,
                                   reference::average_pool<std::uint8_t, float>, g, o, bytes);
      }
    }
  }
}

TEST_CASE("divisors of a border window follow the documented rules", "[pool]") {
  // A row of four ones, kernel 3, stride 2, pad 1 on both sides, and an output that needs one more column:
  // the last window starts at 3, holds one input value, and reaches to 6 = in + 2.
  const std::vector<float> ones(4, 1.0F);
  struct Row {
    const char* name;
    CountBox count;
    std::vector<float> expected;
  };
  const float third = 1.0F / 3.0F;
  const std::vector<Row> table = {
      {"exclude pad", {{0, 0, 0}, {1, 1, 4}}, {1, 1, 1}},
      {"include pad", {{0, 0, -1}, {1, 1, 5}}, {2.0F / 3.0F, 1, 0.5F}},
      {"fixed", CountBox::everything(), {2.0F / 3.0F, 1, third}},
  };
  for (const Row& row : table) {
    PoolGeometry g;
    g.in = {1, 1, 4};
    g.kernel = {1, 1, 3};
    g.stride = {1, 1, 2};
    g.pad = {0, 0, 1};
    g.out = {1, 1, 3};
    g.count = row.count;
    for (const PoolKernels& kernels : runnable(pool_kernels())) {
      CAPTURE(row.name, kernels.name);
      std::vector<float> output(3, -1);
      PoolOperands o;
      o.input = ones.data();
      o.output = output.data();
      kernels.average_f32(g, o, 0, work_items(g));
      CHECK(output == row.expected);
    }
  }
}

TEST_CASE("max pooling skips NaN and keeps infinities", "[pool]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> input = {nan, 1, inf, nan, -inf, nan, nan, nan, -inf, -inf};
  const std::vector<float> expected = {1, inf, -inf, -inf, -inf};
  PoolGeometry g;
  g.in = {1, 1, 10};
  g.kernel = {1, 1, 2};
  g.stride = {1, 1, 2};
  g.out = {1, 1, 5};
  for (const PoolKernels& kernels : runnable(pool_kernels())) {
    CAPTURE(kernels.name);
    std::vector<float> output(5, 7);
    PoolOperands o;
    o.input = input.data();
    o.output = output.data();
    kernels.max_f32(g, o, 0, work_items(g));
    CHECK(output == expected);
  }
}

TEST_CASE("an average of u8 is exact for windows beyond 2^24", "[pool]") {
  PoolGeometry g;
  g.in = g.kernel = {1, 300, 300};
  g.count = CountBox::everything();
  const std::vector<std::uint8_t> input(90000, 255);
  const std::vector<float> one(64, 1.0F);
  for (const PoolKernels& kernels : runnable(pool_kernels())) {
    CAPTURE(kernels.name);
    float output = 0;
    PoolOperands o;
    o.input = input.data();
    o.output = &output;
    o.in_scale = one.data();
    kernels.average_u8_to_f32(g, o, 0, work_items(g));
    CHECK(output == 255.0F);
  }
}
