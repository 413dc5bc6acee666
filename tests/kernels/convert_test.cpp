#include "engine/kernels/convert/convert.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/kernels/convert/reference.h"
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

struct View {
  std::int64_t rows, channels, in_stride, out_stride;
};

const std::vector<View> views = {
    {1, 1, 1, 1},    {5, 1, 1, 1},       {7, 3, 3, 3},          {9, 3, 4, 3},
    {300, 5, 5, 5},  {6, 15, 15, 20},    {6, 16, 16, 16},       {4, 17, 17, 17},
    {3, 31, 40, 33}, {3, 33, 33, 33},    {11, 63, 63, 63},      {3, 64, 64, 64},
    {2, 65, 70, 80}, {2, 130, 130, 130}, {1, 1000, 1000, 1000}, {3, 257, 300, 260},
};

constexpr std::int32_t zero_points[] = {0, 7, 128, 255};

std::size_t buffer_size(const View& v, std::int64_t stride) {
  return static_cast<std::size_t>((v.rows - 1) * stride + v.channels);
}

// Arrays padded to a multiple of 64 as the contract allows, and not an element more.
GuardedBuffer<float> channel_array(std::int64_t channels, Random& random, float low, float high) {
  GuardedBuffer<float> values(static_cast<std::size_t>((channels + 63) / 64 * 64));
  random.fill_real(values, low, high);
  return values;
}

using Reference = void (*)(const ConvertArgs&, std::int64_t);

template <class In, class Out>
void check(ConvertKernels::Run ConvertKernels::*form, Reference reference, const GuardedBuffer<In>& input,
           const View& v, ConvertArgs args) {
  args.channels = v.channels;
  args.in_stride = v.in_stride;
  args.out_stride = v.out_stride;
  args.input = input.data();
  GuardedBuffer<Out> expected(buffer_size(v, v.out_stride));
  args.output = expected.data();
  reference(args, v.rows);
  for (const ConvertKernels& kernels : runnable(convert_kernels())) {
    CAPTURE(kernels.name, v.rows, v.channels, v.in_stride, v.out_stride, args.in_zero_point, args.zero_point);
    GuardedBuffer<Out> output(buffer_size(v, v.out_stride));
    args.output = output.data();
    const std::int64_t middle = v.rows / 3;
    (kernels.*form)(args, middle, v.rows);
    (kernels.*form)(args, 0, middle);
    CHECK(same_bytes(output, expected));
  }
}

}  // namespace

TEST_CASE("every conversion equals its reference for all views and zero points", "[convert]") {
  Random random(11);
  for (const View& v : views) {
    const auto in_scale = channel_array(v.channels, random, 0.01F, 0.1F);
    const auto inv_scale = channel_array(v.channels, random, 5, 50);
    GuardedBuffer<float> reals(buffer_size(v, v.in_stride));
    random.fill_real(reals, -12, 12);
    GuardedBuffer<std::uint8_t> bytes(buffer_size(v, v.in_stride));
    random.fill_integer(bytes, 0, 255);
    for (const std::int32_t zero_point : zero_points) {
      ConvertArgs args;
      args.in_scale = in_scale.data();
      args.inv_scale = inv_scale.data();
      args.zero_point = zero_point;
      args.in_zero_point = 255 - zero_point;
      check<float, std::uint8_t>(&ConvertKernels::quantize, reference::quantize, reals, v, args);
      check<std::uint8_t, float>(&ConvertKernels::dequantize, reference::dequantize, bytes, v, args);
      check<std::uint8_t, std::uint8_t>(&ConvertKernels::requantize, reference::requantize, bytes, v, args);
      check<std::uint8_t, float>(&ConvertKernels::widen, reference::widen, bytes, v, args);
    }
  }
}

TEST_CASE("quantization of special values and exact halves", "[convert]") {
  constexpr float inf = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float big = std::numeric_limits<float>::max();
  constexpr float tiny = std::numeric_limits<float>::denorm_min();
  struct Row {
    float x;
    std::int32_t zero_point;
    int expected;
  };
  // Worked out by hand, so that the reference is tested as well. inv_scale is 1.
  const std::vector<Row> table = {
      {0.5F, 0, 0},   {1.5F, 0, 2},      {2.5F, 0, 2},       {254.5F, 0, 254},  {255.5F, 0, 255},
      {1e9F, 0, 255}, {-0.5F, 128, 128}, {-1.5F, 128, 126},  {-2.5F, 128, 126}, {nan, 0, 0},
      {nan, 128, 0},  {-nan, 77, 0},     {inf, 0, 255},      {inf, 128, 255},   {-inf, 0, 0},
      {-inf, 128, 0}, {big, 3, 255},     {-big, 3, 0},       {tiny, 9, 9},      {-tiny, 9, 9},
      {-0.0F, 5, 5},  {-7.4F, 7, 0},     {127.5F, 127, 255}, {-127.5F, 128, 0},
  };
  for (const Row& row : table) {
    CAPTURE(row.x, row.zero_point);
    CHECK(static_cast<int>(reference::quantize(row.x, 1.0F, row.zero_point)) == row.expected);
    const std::vector<float> input(37, row.x);
    const std::vector<float> ones(64, 1.0F);
    for (const ConvertKernels& kernels : runnable(convert_kernels())) {
      CAPTURE(kernels.name);
      std::vector<std::uint8_t> output(input.size(), 99);
      ConvertArgs args;
      args.input = input.data();
      args.output = output.data();
      args.channels = args.in_stride = args.out_stride = 37;
      args.inv_scale = ones.data();
      args.zero_point = row.zero_point;
      kernels.quantize(args, 0, 1);
      CHECK(output == std::vector<std::uint8_t>(37, static_cast<std::uint8_t>(row.expected)));
    }
  }
}

TEST_CASE("quantization of arbitrary bit patterns equals the reference", "[convert]") {
  const View v{64, 129, 129, 129};
  Random random(5);
  GuardedBuffer<float> input(buffer_size(v, v.in_stride));
  for (float& x : input) {
    x = random.any_float();
  }
  const auto inv_scale = channel_array(v.channels, random, 0.001F, 1000);
  ConvertArgs args;
  args.inv_scale = inv_scale.data();
  args.zero_point = 113;
  check<float, std::uint8_t>(&ConvertKernels::quantize, reference::quantize, input, v, args);
}

TEST_CASE("dequantizing and quantizing with one scale is the identity", "[convert]") {
  std::vector<std::uint8_t> bytes(256), back(256);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i);
  }
  const std::vector<float> scale(256, 0.0625F), inv_scale(256, 16.0F);
  for (const ConvertKernels& kernels : runnable(convert_kernels())) {
    for (const std::int32_t zero_point : zero_points) {
      CAPTURE(kernels.name, zero_point);
      ConvertArgs args;
      args.input = bytes.data();
      args.output = back.data();
      args.channels = args.in_stride = args.out_stride = 256;
      args.in_scale = scale.data();
      args.inv_scale = inv_scale.data();
      args.in_zero_point = args.zero_point = zero_point;
      kernels.requantize(args, 0, 1);
      CHECK(back == bytes);
    }
  }
}
