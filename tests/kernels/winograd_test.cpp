// Winograd's convolution: near the direct sum, the same bits on every instruction set and however the work is split.

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
