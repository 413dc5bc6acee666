// Every row of the tables for groups of few channels that this processor can run equals the naive reference bit for bit.

#include <vector>

#include "engine/kernels/gconv/gconv.h"
#include "tests/kernels/conv_problem.h"
#include "tests/support/catch.hpp"
#include "tests/support/runnable.hpp"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;
using namespace refcalib_test;

ConvGeometry grouped(std::int64_t height, std::int64_t width, std::int64_t groups, std::int64_t ins,
                     std::int64_t outs, std::int64_t kernel = 3, std::int64_t stride = 1,
                     std::int64_t dilation = 1) {
  ConvGeometry g;
  g.in_h = height;
  g.in_w = width;
  g.groups = groups;
  g.in_channels = g.in_pixel_stride = groups * ins;
  g.out_channels = g.out_pixel_stride = g.residual_pixel_stride = groups * outs;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.dilation_h = g.dilation_w = dilation;
  g.pad_h = g.pad_w = (kernel - 1) * dilation / 2;
  g.out_h = (height + 2 * g.pad_h - (kernel - 1) * dilation - 1) / stride + 1;
  g.out_w = (width + 2 * g.pad_w - (kernel - 1) * dilation - 1) / stride + 1;
  return g;
}

std::vector<ConvGeometry> geometries() {
  std::vector<ConvGeometry> all;
  for (const std::int64_t ins : {1, 2, 3, 4, 5, 8, 12, 16, 32})
    for (const std::int64_t outs : {1, 2, 3, 4, 8})
      if (ins != 1 || outs != 1) all.push_back(grouped(3, 5, 7, ins, outs));
  for (std::int64_t width = 1; width <= 18; ++width)
    all.push_back(grouped(2, width, 9, 4, 4, 3, 1 + width % 2));
  all.push_back(grouped(7, 6, 6, 4, 4, 5, 2));
  all.push_back(grouped(7, 6, 33, 4, 4, 1));
  all.push_back(grouped(11, 12, 8, 2, 4, 3, 2, 3));
  all.push_back(grouped(9, 8, 2, 3, 2, 2, 3));
  ConvGeometry g = grouped(5, 6, 10, 4, 4);
  g.batch = 2;
  g.in_pixel_stride = 61;
  g.out_pixel_stride = 64;
  g.residual_pixel_stride = 51;
  all.push_back(g);
  g = grouped(8, 8, 5, 4, 2);  // kernel 3x5, pads that differ, dilation in one direction only
  g.kernel_w = 5;
  g.pad_w = 1;
  g.pad_h = 0;
  g.dilation_h = 2;
  g.out_h = 4;
  g.out_w = 6;
  all.push_back(g);
  g = grouped(7, 9, 8, 8, 4);  // begins inside the image
  g.pad_h = -1;
  g.pad_w = -2;
  g.out_h = 4;
  g.out_w = 5;
  all.push_back(g);
  for (const std::int64_t kernel : {1, 2}) {  // on a grid of a larger image
    g = grouped(5, 6, 9, 4, 4, kernel);
    g.pad_h = g.pad_w = 0;
    g.out_h = 6 - kernel;
    g.out_w = 7 - kernel;
    g.grid = {1, 2 * g.out_h, 3 * g.out_w - 1, 1, 2, 3};
    g.out_pixel_stride = 45;
    all.push_back(g);
  }
  all.push_back(grouped(1, 1, 300, 4, 4));
  return all;
}

/// Runs the rows that take the geometry; returns how many did.
template <class In, class W>
int check(const ConvProblem<In, W>& problem, std::span<const ConvKernel> table) {
  int ran = 0;
  for (const ConvKernel& kernel : runnable(table)) {
    if (!kernel.accepts(problem.g)) continue;
    ++ran;
    INFO(kernel.name);
    CHECK(first_difference(problem.run(kernel, {{0, 1}}), problem.expected) == -1);
    CHECK(first_difference(problem.run(kernel, {{0.5, 1}, {0, 0.2}, {0.2, 0.2}, {0.2, 0.5}}),
                           problem.expected) == -1);
  }
  return ran;
}

template <class In, class W>
void check_geometries(std::span<const ConvKernel> table) {
  constexpr std::uint8_t zero_points[] = {128, 0, 255, 7};
  std::size_t next = 0;
  int ran = 0;
  for (ConvGeometry g : geometries()) {
    g.in_zero_point = sizeof(In) == 1 ? zero_points[next % 4] : std::uint8_t{0};
    Finish finish = finishes()[next++ % finishes().size()];
    if (g.out_pixel_stride != g.residual_pixel_stride) finish.residual_in_place = false;
    INFO(g.in_h << 'x' << g.in_w << ", " << g.groups << " groups, " << g.in_channels << " to "
                << g.out_channels << ", kernel " << g.kernel_w << " stride " << g.stride_w << ", "
                << finish.name);
    ran += check(ConvProblem<In, W>(g, finish, next), table);
  }
  CHECK((runnable(table).empty() || ran > 60));
}

template <class In, class W>
void check_finishes(std::span<const ConvKernel> table, bool special) {
  for (const std::int64_t groups : {3, 8, 21}) {
    for (const Finish& finish : finishes()) {
      INFO(groups << " groups, " << finish.name);
      ConvProblem<In, W> problem(grouped(4, 5, groups, 4, 4), finish, size(groups));
      if (special) problem.add_special_values();
      check(problem, table);
    }
  }
}

}  // namespace

TEST_CASE("gconv_f32 equals the reference on every geometry", "[gconv]") {
  check_geometries<float, float>(gconv_f32_kernels());
}
TEST_CASE("gconv_u8s8 equals the reference on every geometry", "[gconv]") {
  check_geometries<std::uint8_t, std::int8_t>(gconv_u8s8_kernels());
}
TEST_CASE("gconv_f32 equals the reference with every epilogue", "[gconv]") {
  check_finishes<float, float>(gconv_f32_kernels(), false);
  check_finishes<float, float>(gconv_f32_kernels(), true);
}
TEST_CASE("gconv_u8s8 equals the reference with every epilogue", "[gconv]") {
  check_finishes<std::uint8_t, std::int8_t>(gconv_u8s8_kernels(), false);
  check_finishes<std::uint8_t, std::int8_t>(gconv_u8s8_kernels(), true);
}

TEST_CASE("kernels for groups take planes whose groups share a vector only", "[gconv]") {
  for (const auto table : {gconv_f32_kernels(), gconv_u8s8_kernels()}) {
    for (const ConvKernel& kernel : table) {
      INFO(kernel.name);
      CHECK(kernel.accepts(grouped(5, 5, 8, 4, 4)));
      CHECK_FALSE(kernel.accepts(grouped(5, 5, 1, 4, 4)));
      CHECK_FALSE(kernel.accepts(grouped(5, 5, 4, 64, 64)));
      ConvGeometry deep = grouped(5, 5, 8, 4, 4);
      deep.in_d = deep.out_d = 2;
      CHECK_FALSE(kernel.accepts(deep));
      ConvGeometry sparse = grouped(5, 5, 8, 4, 4);
      sparse.stride_w = sparse.pad_w = 1 << 30;
      sparse.out_w = 2;
      CHECK_FALSE(kernel.accepts(sparse));
    }
  }
}
