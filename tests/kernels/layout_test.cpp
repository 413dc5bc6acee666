#include "engine/kernels/layout/layout.h"

#include <cstdint>
#include <vector>

#include "engine/kernels/layout/reference.h"
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
  std::int64_t batch, channels, pixels, padded_channels, pixel_stride;
};

const std::vector<Shape> shapes = {
    {1, 1, 1, 1, 1},      {2, 1, 100, 1, 1},     {1, 3, 50, 4, 4},      {2, 3, 67, 3, 3},
    {1, 1, 33, 4, 4},     {1, 2, 64, 4, 4},      {1, 4, 65, 4, 9},      {2, 5, 31, 8, 8},
    {1, 16, 16, 16, 16},  {1, 17, 129, 17, 17},  {2, 24, 49, 24, 40},   {1, 31, 47, 32, 33},
    {1, 64, 196, 64, 64}, {1, 100, 9, 100, 100}, {3, 130, 5, 132, 140}, {1, 3, 1000, 4, 4},
    {1, 7, 17, 20, 20},
};

LayoutArgs args_of(const Shape& s) {
  LayoutArgs a;
  a.batch = s.batch;
  a.channels = s.channels;
  a.pixels = s.pixels;
  a.padded_channels = s.padded_channels;
  a.pixel_stride = s.pixel_stride;
  a.interleaved_batch_stride = s.pixels * s.pixel_stride;
  a.plane_stride = s.pixels;
  a.planar_batch_stride = s.channels * s.pixels;
  return a;
}

std::size_t planar_size(const Shape& s) {
  return static_cast<std::size_t>(s.batch * s.channels * s.pixels);
}
// Ends with the last channel that may be touched, before the end of the last pixel's stride.
std::size_t interleaved_size(const Shape& s, std::int64_t used_channels) {
  return static_cast<std::size_t>((s.batch * s.pixels - 1) * s.pixel_stride + used_channels);
}

template <class In, class Out, class Reference>
void check(LayoutKernels::Run LayoutKernels::*form, Reference reference, LayoutArgs a,
           const GuardedBuffer<In>& input, std::size_t output_size) {
  a.input = input.data();
  GuardedBuffer<Out> expected(output_size);
  a.output = expected.data();
  reference(a);
  for (const LayoutKernels& kernels : runnable(layout_kernels())) {
    CAPTURE(kernels.name, a.batch, a.channels, a.pixels, a.padded_channels, a.pixel_stride);
    GuardedBuffer<Out> output(output_size);
    a.output = output.data();
    const std::int64_t items = work_items(a);
    const std::int64_t middle = items / 2;
    (kernels.*form)(a, middle, items);
    (kernels.*form)(a, 0, middle);
    CHECK(same_bytes(output, expected));
  }
}

template <class T>
constexpr auto keep = [](T x, std::int64_t) { return x; };

struct Data {
  GuardedBuffer<float> reals;
  GuardedBuffer<std::uint8_t> bytes;
  Data(std::size_t size, Random& random) : reals(size), bytes(size) {
    random.fill_real(reals, -9, 9);
    random.fill_integer(bytes, 0, 255);
  }
};

}  // namespace

TEST_CASE("changes of layout equal their references", "[layout]") {
  Random random(2);
  for (const Shape& s : shapes) {
    LayoutArgs a = args_of(s);
    a.zero_point = static_cast<std::int32_t>(random.integer(0, 255));
    GuardedBuffer<float> scale(static_cast<std::size_t>((s.channels + 63) / 64 * 64));
    random.fill_real(scale, 0.5F, 20);
    a.scale = a.inv_scale = scale.data();
    const auto padding = static_cast<std::uint8_t>(a.zero_point);

    const Data planar(planar_size(s), random);
    const std::size_t out_size = interleaved_size(s, s.padded_channels);
    check<float, float>(
        &LayoutKernels::f32_to_pixels,
        [](const LayoutArgs& r) { reference::to_pixels<float>(r, 0.0F, keep<float>); }, a, planar.reals,
        out_size);
    check<std::uint8_t, std::uint8_t>(
        &LayoutKernels::u8_to_pixels,
        [&](const LayoutArgs& r) { reference::to_pixels<std::uint8_t>(r, padding, keep<std::uint8_t>); }, a,
        planar.bytes, out_size);
    check<float, std::uint8_t>(
        &LayoutKernels::quantize_to_pixels,
        [&](const LayoutArgs& r) {
          reference::to_pixels<float>(r, padding, [&r](float x, std::int64_t c) {
            return reference::quantize(x, r.inv_scale[c], r.zero_point);
          });
        },
        a, planar.reals, out_size);
    check<std::uint8_t, float>(
        &LayoutKernels::widen_to_pixels,
        [](const LayoutArgs& r) {
          reference::to_pixels<std::uint8_t>(
              r, 0.0F, [](std::uint8_t x, std::int64_t) { return static_cast<float>(x); });
        },
        a, planar.bytes, out_size);

    const Data interleaved(interleaved_size(s, s.channels), random);
    check<float, float>(
        &LayoutKernels::f32_to_planes,
        [](const LayoutArgs& r) { reference::to_planes<float, float>(r, keep<float>); }, a, interleaved.reals,
        planar_size(s));
    check<std::uint8_t, std::uint8_t>(
        &LayoutKernels::u8_to_planes,
        [](const LayoutArgs& r) { reference::to_planes<std::uint8_t, std::uint8_t>(r, keep<std::uint8_t>); },
        a, interleaved.bytes, planar_size(s));
    check<std::uint8_t, float>(
        &LayoutKernels::dequantize_to_planes,
        [](const LayoutArgs& r) {
          reference::to_planes<std::uint8_t, float>(r, [&r](std::uint8_t q, std::int64_t c) {
            return reference::dequantize(q, r.scale[c], r.zero_point);
          });
        },
        a, interleaved.bytes, planar_size(s));
  }
}

TEST_CASE("planes may be part of a larger tensor", "[layout]") {
  // Three planes of a tensor of five, 20 of 30 pixels each.
  LayoutArgs a;
  a.batch = 2;
  a.channels = 3;
  a.pixels = 20;
  a.padded_channels = 4;
  a.pixel_stride = 6;
  a.plane_stride = 30;
  a.planar_batch_stride = 150;
  a.interleaved_batch_stride = 200;
  Random random(6);
  GuardedBuffer<float> input(150 + 2 * 30 + 20);
  random.fill_real(input, -1, 1);
  check<float, float>(
      &LayoutKernels::f32_to_pixels,
      [](const LayoutArgs& r) { reference::to_pixels<float>(r, 0.0F, keep<float>); }, a, input,
      200 + 19 * 6 + 4);
}
