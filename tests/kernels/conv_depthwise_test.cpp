// Every row of the depthwise tables that this processor can run equals the naive reference bit for bit.

#include <cmath>
#include <string>
#include <vector>

#include "engine/kernels/conv/conv.h"
#include "tests/kernels/conv_avxvnni_double.h"
#include "tests/kernels/conv_problem.h"
#include "tests/support/catch.hpp"
#include "tests/support/runnable.hpp"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;
using namespace refcalib_test;

ConvGeometry depthwise(std::int64_t height, std::int64_t width, std::int64_t channels,
                       std::int64_t kernel = 3, std::int64_t stride = 1, std::int64_t pad = -1,
                       std::int64_t dilation = 1) {
  ConvGeometry g;
  g.in_h = height;
  g.in_w = width;
  g.groups = g.in_channels = g.out_channels = channels;
  g.in_pixel_stride = g.out_pixel_stride = g.residual_pixel_stride = channels;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.dilation_h = g.dilation_w = dilation;
  g.pad_h = g.pad_w = pad < 0 ? (kernel - 1) * dilation / 2 : pad;
  g.out_h = (height + 2 * g.pad_h - (kernel - 1) * dilation - 1) / stride + 1;
  g.out_w = (width + 2 * g.pad_w - (kernel - 1) * dilation - 1) / stride + 1;
  return g;
}

std::vector<ConvGeometry> geometries() {
  std::vector<ConvGeometry> all;
  for (const std::int64_t channels : {1, 3, 16, 17, 32, 33, 48, 64, 96, 100, 130})
    all.push_back(depthwise(5, 7, channels));
  for (std::int64_t width = 1; width <= 14; ++width) {
    all.push_back(depthwise(3, width, 20, 3, 1 + width % 2));
    all.push_back(depthwise(2, width, 70, 3, 2 - width % 2));
  }
  all.push_back(depthwise(9, 9, 24, 3, 3));
  all.push_back(depthwise(9, 8, 40, 5));
  all.push_back(depthwise(9, 8, 65, 5, 2));
  all.push_back(depthwise(7, 7, 33, 7, 1));
  all.push_back(depthwise(7, 7, 19, 7, 1, 0));
  all.push_back(depthwise(5, 6, 18, 1));
  all.push_back(depthwise(6, 6, 34, 2, 2, 0));
  all.push_back(depthwise(11, 12, 36, 3, 1, -1, 2));
  all.push_back(depthwise(11, 12, 36, 3, 2, -1, 3));
  all.push_back(depthwise(2, 2, 16, 3, 1, 4));
  ConvGeometry g = depthwise(6, 5, 20);
  g.batch = 2;
  all.push_back(g);
  g = depthwise(4, 6, 50);
  g.in_pixel_stride = 77;
  g.out_pixel_stride = 64;
  g.residual_pixel_stride = 51;
  all.push_back(g);
  g = depthwise(8, 8, 12);  // kernel 3x5, pads that differ, dilation in one direction only
  g.kernel_w = 5;
  g.pad_w = 1;
  g.pad_h = 0;
  g.dilation_h = 2;
  g.out_h = 5;
  g.out_w = 7;
  all.push_back(g);
  g = depthwise(6, 9, 40);  // 3x3 with a vertical dilation
  g.dilation_h = 2;
  g.pad_h = 2;
  all.push_back(g);
  g = depthwise(1, 9, 30);  // 1x3
  g.kernel_h = 1;
  g.pad_h = 0;
  g.out_h = 1;
  all.push_back(g);
  g = depthwise(7, 9, 40);  // begins inside the image
  g.pad_h = -1;
  g.pad_w = -2;
  g.out_h = 5;
  g.out_w = 6;
  all.push_back(g);
  g = depthwise(3, 4, 20);  // begins behind the image
  g.pad_w = -9;
  all.push_back(g);
  for (const std::int64_t kernel : {1, 2, 3}) {  // on a grid of a larger image
    g = depthwise(5, 6, 37, kernel, 1, 0);
    g.batch = 2;
    g.grid = {1, 2 * g.out_h, 3 * g.out_w - 1, 1, 2, 3};
    g.out_pixel_stride = 45;
    all.push_back(g);
  }
  all.push_back(depthwise(1, 1, 1000));
  all.push_back(depthwise(2, 3, 600));
  return all;
}

template <class In, class W>
void check(const ConvProblem<In, W>& problem, std::span<const ConvKernel> table) {
  for (const ConvKernel& kernel : runnable(table)) {
    INFO(kernel.name);
    REQUIRE(kernel.accepts(problem.g));
    CHECK(first_difference(problem.run(kernel, {{0, 1}}), problem.expected) == -1);
    CHECK(first_difference(problem.run(kernel, {{0.5, 1}, {0, 0.2}, {0.2, 0.2}, {0.2, 0.5}}),
                           problem.expected) == -1);
  }
}

template <class In, class W>
void check_geometries(std::span<const ConvKernel> table) {
  constexpr std::uint8_t zero_points[] = {128, 0, 255, 7};
  std::size_t next = 0;
  for (ConvGeometry g : geometries()) {
    g.in_zero_point = sizeof(In) == 1 ? zero_points[next % 4] : std::uint8_t{0};
    Finish finish = finishes()[next++ % finishes().size()];
    if (g.out_pixel_stride != g.residual_pixel_stride) finish.residual_in_place = false;
    INFO(g.in_h << 'x' << g.in_w << 'x' << g.in_channels << " kernel " << g.kernel_h << 'x' << g.kernel_w
                << " stride " << g.stride_w << " pad " << g.pad_w << " dilation " << g.dilation_w << ", "
                << finish.name);
    check(ConvProblem<In, W>(g, finish, next), table);
  }
}

template <class In, class W>
void check_finishes(std::span<const ConvKernel> table, bool special) {
  for (const std::int64_t channels : {5, 32, 64, 100}) {
    for (const Finish& finish : finishes()) {
      INFO(channels << " channels, " << finish.name);
      ConvProblem<In, W> problem(depthwise(4, 5, channels), finish, size(channels));
      if (special) problem.add_special_values();
      check(problem, table);
    }
  }
}

}  // namespace

TEST_CASE("dwconv_f32 equals the reference on every geometry", "[dwconv]") {
  check_geometries<float, float>(dwconv_f32_kernels());
}
TEST_CASE("dwconv_u8s8 equals the reference on every geometry", "[dwconv]") {
  check_geometries<std::uint8_t, std::int8_t>(with_double(dwconv_u8s8_kernels(), true));
}
TEST_CASE("dwconv_f32 equals the reference with every epilogue", "[dwconv]") {
  check_finishes<float, float>(dwconv_f32_kernels(), false);
  check_finishes<float, float>(dwconv_f32_kernels(), true);
}
TEST_CASE("dwconv_u8s8 equals the reference with every epilogue", "[dwconv]") {
  check_finishes<std::uint8_t, std::int8_t>(with_double(dwconv_u8s8_kernels(), true), false);
  check_finishes<std::uint8_t, std::int8_t>(with_double(dwconv_u8s8_kernels(), true), true);
}

TEST_CASE("depthwise kernels take depthwise geometries only", "[dwconv]") {
  ConvGeometry g = depthwise(5, 5, 8);
  for (const auto table : {dwconv_f32_kernels(), dwconv_u8s8_kernels()}) {
    CHECK(select(table, g, Isa::scalar) != nullptr);
    ConvGeometry multiplied = g;
    multiplied.out_channels = 16;
    CHECK(select(table, multiplied, Isa::avx512vnni) == nullptr);
    ConvGeometry grouped = g;
    grouped.groups = 4;
    CHECK(select(table, grouped, Isa::avx512vnni) == nullptr);
    ConvGeometry sparse = g;
    sparse.stride_w = 1 << 30;
    sparse.pad_w = 1 << 30;
    sparse.out_w = 2;
    CHECK(select(table, sparse, Isa::avx512vnni) == nullptr);
    ConvGeometry deep = g;
    deep.in_d = deep.out_d = 2;
    CHECK(select(table, deep, Isa::avx512vnni) == nullptr);
  }
}
