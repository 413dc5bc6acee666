// Winograd's convolution: of floats near the direct sum, the same bits on every instruction set and however the work is split; of integers
// the direct sum.

#include "engine/kernels/winograd/winograd.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/kernels/conv_problem.h"
#include "tests/support/catch.hpp"
#include "tests/support/runnable.hpp"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;
using namespace refcalib_test;

ConvGeometry geometry(std::int64_t height, std::int64_t width, std::int64_t in, std::int64_t out,
                      std::int64_t pad = 1) {
  ConvGeometry g;
  g.in_h = height;
  g.in_w = width;
  g.in_channels = g.in_pixel_stride = in;
  g.out_channels = g.out_pixel_stride = g.residual_pixel_stride = out;
  g.kernel_h = g.kernel_w = 3;
  g.pad_h = g.pad_w = pad;
  g.out_h = height + 2 * pad - 2;
  g.out_w = width + 2 * pad - 2;
  return g;
}

std::vector<ConvGeometry> geometries() {
  std::vector<ConvGeometry> all = {
      geometry(1, 1, 1, 1),     geometry(4, 4, 16, 16),   geometry(7, 7, 33, 40),
      geometry(5, 9, 17, 70),   geometry(8, 6, 64, 130),  geometry(9, 11, 3, 24, 0),
      geometry(6, 5, 20, 9, 3), geometry(21, 19, 18, 50), geometry(2, 30, 260, 20)};
  ConvGeometry slice = geometry(6, 7, 20, 40);
  slice.batch = 2;
  slice.in_pixel_stride = 27;
  slice.out_pixel_stride = 53;
  slice.residual_pixel_stride = 41;
  all.push_back(slice);
  ConvGeometry inside = geometry(12, 13, 16, 16, -2);
  all.push_back(inside);
  return all;
}

/// Largest difference of two outputs, in units of the output type.
double largest_difference(const GuardedBuffer<std::uint8_t>& a, const GuardedBuffer<std::uint8_t>& b,
                          bool bytes) {
  double largest = 0;
  for (std::size_t i = 0; i + (bytes ? 1 : 4) <= a.size(); i += bytes ? 1 : 4) {
    float x = a[i], y = b[i];
    if (!bytes) {
      std::memcpy(&x, a.data() + i, 4);
      std::memcpy(&y, b.data() + i, 4);
    }
    if (std::memcmp(&x, &y, 4) != 0) largest = std::max(largest, std::abs(static_cast<double>(x) - y));
  }
  return largest;
}

std::vector<ConvKernel> kernels_of_tile(const char* tile) {
  std::vector<ConvKernel> kernels;
  for (const ConvKernel& kernel : runnable(winograd_f32_kernels()))
    if (std::string(kernel.name).ends_with(tile)) kernels.push_back(kernel);
  return kernels;
}

void check(const ConvGeometry& g, const Finish& finish, const char* tile) {
  INFO(g.in_h << "x" << g.in_w << ", " << g.in_channels << " to " << g.out_channels << ", " << finish.name
              << ", " << tile);
  const ConvProblem<float, float> problem(g, finish, size(g.in_channels + g.out_h));
  const std::vector<ConvKernel> kernels = kernels_of_tile(tile);
  REQUIRE(!kernels.empty());
  const bool bytes = finish.output == Epilogue::Output::u8;
  const auto first = problem.run(kernels.back(), {{0, 1}});  // the scalar one
  // Sums of up to 2340 products of at most 0.5.
  CHECK(largest_difference(first, problem.expected, bytes) <= (bytes ? 1 : 5e-5));
  for (const ConvKernel& kernel : kernels) {
    INFO(kernel.name);
    CHECK(first_difference(problem.run(kernel, {{0, 1}}), first) == -1);
    CHECK(first_difference(problem.run(kernel, {{0.6, 1}, {0, 0.3}, {0.3, 0.3}, {0.3, 0.6}}), first) == -1);
  }
}

}  // namespace

TEST_CASE("winograd is near the direct sum and has the same bits everywhere", "[winograd]") {
  std::size_t next = 0;
  for (const ConvGeometry& g : geometries()) {
    Finish finish = finishes()[next++ % finishes().size()];
    if (g.out_pixel_stride != g.residual_pixel_stride) finish.residual_in_place = false;
    check(g, finish, "/2x2");
    check(g, finish, "/4x4");
  }
}

TEST_CASE("winograd finishes as the direct sum", "[winograd]") {
  for (const Finish& finish : finishes()) {
    check(geometry(7, 6, 16, 37), finish, "/2x2");
    check(geometry(7, 6, 16, 37), finish, "/4x4");
  }
}

TEST_CASE("winograd is taken for 3x3 convolutions that gain by it", "[winograd]") {
  const ConvGeometry plain = geometry(28, 28, 128, 128);
  CHECK(winograd_tile(plain) == 4);
  CHECK(winograd_tile(geometry(7, 7, 512, 512)) == 2);
  struct Change {
    const char* what;
    void (*change)(ConvGeometry&);
  };
  const Change changes[] = {
      {"stride", [](ConvGeometry& g) { g.stride_w = 2; }},
      {"dilation", [](ConvGeometry& g) { g.dilation_h = 2; }},
      {"kernel", [](ConvGeometry& g) { g.kernel_w = 1; }},
      {"groups", [](ConvGeometry& g) { g.groups = 2; }},
      {"depth", [](ConvGeometry& g) { g.in_d = g.out_d = 2; }},
      {"kernel depth", [](ConvGeometry& g) { g.kernel_d = 3; }},
      {"grid", [](ConvGeometry& g) { g.grid = {1, 56, 56, 1, 2, 2}; }},
      {"few inputs", [](ConvGeometry& g) { g.in_channels = 3; }},
      {"few outputs", [](ConvGeometry& g) { g.out_channels = 8; }},
      {"one pixel", [](ConvGeometry& g) { g.out_h = g.out_w = 1; }},
  };
  for (const Change& c : changes) {
    INFO(c.what);
    ConvGeometry g = plain;
    c.change(g);
    CHECK(winograd_tile(g) == 0);
    for (const ConvKernel& kernel : winograd_f32_kernels()) CHECK(!kernel.accepts(g));
  }
}

namespace {

/// What the integer kernel writes, and the reference.
void check_integers(const ConvProblem<std::uint8_t, std::int8_t>& problem) {
  for (const ConvKernel& kernel : runnable(winograd_u8s8_kernels())) {
    INFO(kernel.name);
    CHECK(first_difference(problem.run(kernel, {{0, 1}}), problem.expected) == -1);
    CHECK(first_difference(problem.run(kernel, {{0.6, 1}, {0, 0.3}, {0.3, 0.3}, {0.3, 0.6}}),
                           problem.expected) == -1);
  }
}

/// Largest bound that weights of one magnitude may have.
std::vector<std::int8_t> all_weights(const ConvGeometry& g, int value) {
  return std::vector<std::int8_t>(size(g.in_channels * g.out_channels * 9), static_cast<std::int8_t>(value));
}

}  // namespace

TEST_CASE("winograd of integers is the direct sum", "[winograd]") {
  std::size_t next = 0, checked = 0;
  for (ConvGeometry g : geometries())
    for (const int zero_point : {0, 93}) {
      Finish finish = finishes()[next++ % finishes().size()];
      if (g.out_pixel_stride != g.residual_pixel_stride) finish.residual_in_place = false;
      INFO(g.in_h << "x" << g.in_w << ", " << g.in_channels << " to " << g.out_channels << ", " << finish.name
                  << ", zero point " << zero_point);
      g.in_zero_point = static_cast<std::uint8_t>(zero_point);
      const ConvProblem<std::uint8_t, std::int8_t> problem(g, finish, size(g.in_channels + g.out_h));
      if (!winograd_fits(g, problem.weights.data())) continue;
      ++checked;
      check_integers(problem);
    }
  CHECK(checked >= 20);
}

TEST_CASE("winograd of integers finishes as the direct sum", "[winograd]") {
  for (const Finish& finish : finishes()) {
    INFO(finish.name);
    check_integers(ConvProblem<std::uint8_t, std::int8_t>(geometry(7, 6, 16, 37), finish, 5));
  }
}

TEST_CASE("winograd of integers reads the zero point of each channel where there is padding", "[winograd]") {
  ConvGeometry g = geometry(6, 9, 21, 18);
  std::vector<std::uint8_t> zero_points(21);
  for (std::size_t i = 0; i < zero_points.size(); ++i) zero_points[i] = static_cast<std::uint8_t>(7 * i);
  g.in_zero_points = zero_points.data();
  check_integers(ConvProblem<std::uint8_t, std::int8_t>(g, finishes()[1], 9));
}

TEST_CASE("winograd of integers is exact up to the weights that it admits", "[winograd]") {
  // Signs that make one of the sums as large as it can be, and the most channels that are admitted with them.
  using Weight = int (*)(std::size_t tap);
  const Weight patterns[] = {[](std::size_t) { return 127; },
                             [](std::size_t) { return -128; },
                             [](std::size_t t) { return t % 2 == 0 ? 127 : -128; },
                             [](std::size_t t) { return t % 3 == 1 ? -128 : 127; },
                             [](std::size_t t) { return t / 3 == 1 ? -128 : 127; },
                             [](std::size_t t) { return t % 3 == 0 ? -128 : 0; }};
  for (const Weight pattern : patterns) {
    const auto fits = [&](std::int64_t channels) {
      const ConvGeometry g = geometry(5, 5, channels, 1);
      std::vector<std::int8_t> weights = all_weights(g, 0);
      for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<std::int8_t>(pattern(i % 9));
      return winograd_fits(g, weights.data());
    };
    std::int64_t channels = 1;
    while (fits(channels + 1)) ++channels;
    INFO(channels << " channels");
    CHECK(channels >= 32);
    CHECK(channels <= 2048);
    ConvProblem<std::uint8_t, std::int8_t> problem(geometry(9, 9, channels, 3), finishes()[0], 3);
    problem.replace([&](std::size_t, std::size_t, std::size_t tap) { return pattern(tap); }, 255);
    check_integers(problem);
    // Pixels of 0 and 255 in stripes and checks of all widths and places reach the extremes of B'.
    for (int shift = 0; shift < 8; ++shift)
      for (const int width : {1, 2, 3}) {
        problem.replace_input([&](std::int64_t y, std::int64_t x) {
          const std::int64_t column = (x + shift % 4) / width, row = shift < 4 ? 0 : (y + shift % 4) / width;
          return (column + row) % 2 == 0 ? 255 : 0;
        });
        check_integers(problem);
      }
  }
}

TEST_CASE("winograd of integers is taken where it gains", "[winograd]") {
  CHECK(winograd_pays_u8s8(geometry(56, 56, 64, 64), Isa::avx512vnni));
  CHECK(winograd_pays_u8s8(geometry(28, 28, 128, 128), Isa::avx2));
  CHECK_FALSE(winograd_pays_u8s8(geometry(7, 7, 512, 512), Isa::avx512vnni));
  CHECK_FALSE(winograd_pays_u8s8(geometry(56, 56, 3, 64), Isa::avx512vnni));
  ConvGeometry strided = geometry(56, 56, 64, 64);
  strided.stride_h = strided.stride_w = 2;
  CHECK_FALSE(winograd_pays_u8s8(strided, Isa::avx512vnni));
}
