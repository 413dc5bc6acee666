// Every row of the convolution tables that this processor can run equals the naive reference bit for bit, for
// odd sizes, strides, dilations, pads, groups, channel slices, all epilogues, and however the work is split.

#include "engine/kernels/conv/conv.h"

#include <cmath>
#include <string>
#include <vector>

#include "tests/kernels/conv_avxvnni_double.h"
#include "tests/kernels/conv_problem.h"
#include "tests/support/catch.hpp"
#include "tests/support/runnable.hpp"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;
using namespace refcalib_test;

struct Case {
  std::string name;
  ConvGeometry g;
};

/// A square 2-D convolution; the output size follows from equal pads on all sides.
ConvGeometry square(std::int64_t size, std::int64_t in, std::int64_t out, std::int64_t kernel,
                    std::int64_t stride = 1, std::int64_t pad = -1, std::int64_t dilation = 1) {
  ConvGeometry g;
  g.in_h = g.in_w = size;
  g.in_channels = g.in_pixel_stride = in;
  g.out_channels = g.out_pixel_stride = g.residual_pixel_stride = out;
  g.kernel_h = g.kernel_w = kernel;
  g.stride_h = g.stride_w = stride;
  g.dilation_h = g.dilation_w = dilation;
  g.pad_h = g.pad_w = pad < 0 ? (kernel - 1) * dilation / 2 : pad;
  g.out_h = g.out_w = (size + 2 * g.pad_h - (kernel - 1) * dilation - 1) / stride + 1;
  return g;
}

ConvGeometry with(ConvGeometry g, void (*change)(ConvGeometry&)) {
  change(g);
  return g;
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"one value", square(1, 1, 1, 1)},
      {"pointwise, few channels", square(3, 2, 3, 1)},
      {"pointwise, odd channels", square(7, 33, 65, 1)},
      {"pointwise, 130 channels", square(5, 64, 130, 1)},
      {"pointwise, stride 2", square(9, 16, 24, 1, 2, 0)},
      {"fully connected", square(1, 130, 17, 1)},
      {"fully connected, batch 2", with(square(1, 64, 100, 1), [](ConvGeometry& g) { g.batch = 2; })},
      {"matrix product of 37 rows",
       with(square(1, 24, 33, 1), [](ConvGeometry& g) { g.in_w = g.out_w = 37; })},
      {"first layer, 3 channels", square(17, 3, 16, 3, 2)},
      {"first layer, 7x7", square(21, 3, 64, 7, 2)},
      {"first layer, one channel", square(13, 1, 5, 5)},
      {"first layer, two channels", square(11, 2, 24, 3)},
      {"first layer, 3 channels in 4",
       with(square(15, 3, 20, 3, 2), [](ConvGeometry& g) { g.in_pixel_stride = 4; })},
      {"first layer, wider than high, kernel wider than the image",
       with(square(4, 3, 9, 7), [](ConvGeometry& g) { g.in_h = g.out_h = 2; })},
      {"3x3", square(7, 16, 17, 3)},
      {"3x3, 5 to 64 channels", square(6, 5, 64, 3)},
      {"3x3, stride 2", square(8, 17, 33, 3, 2)},
      {"3x3, stride 3, no pad", square(11, 5, 16, 3, 3, 0)},
      {"3x3, dilation 2", square(9, 8, 16, 3, 1, -1, 2)},
      {"3x3, dilation 3, few channels", square(10, 3, 7, 3, 1, -1, 3)},
      {"more padding than kernel", square(2, 4, 8, 3, 1, 3)},
      {"pads differ: the output is longer at the end", with(square(7, 6, 10, 3),
                                                            [](ConvGeometry& g) {
                                                              g.pad_h = 0;
                                                              g.pad_w = 2;
                                                              g.out_h = 7;
                                                              g.out_w = 9;
                                                            })},
      {"kernel 1x5", with(square(9, 7, 12, 1),
                          [](ConvGeometry& g) {
                            g.kernel_w = 5;
                            g.pad_w = 2;
                          })},
      {"kernel 3x1, stride 2x1", with(square(9, 7, 12, 1),
                                      [](ConvGeometry& g) {
                                        g.kernel_h = 3;
                                        g.pad_h = 1;
                                        g.stride_h = 2;
                                        g.out_h = 5;
                                      })},
      {"batch 2", with(square(5, 9, 20, 3), [](ConvGeometry& g) { g.batch = 2; })},
      {"2 groups", with(square(6, 8, 12, 3), [](ConvGeometry& g) { g.groups = 2; })},
      {"8 groups of 8", with(square(5, 64, 64, 3), [](ConvGeometry& g) { g.groups = 8; })},
      {"3 groups of 1 to 2", with(square(6, 3, 6, 3), [](ConvGeometry& g) { g.groups = 3; })},
      {"depthwise as groups", with(square(5, 5, 5, 3), [](ConvGeometry& g) { g.groups = 5; })},
      {"slices of wider tensors", with(square(6, 12, 40, 3),
                                       [](ConvGeometry& g) {
                                         g.in_pixel_stride = 19;
                                         g.out_pixel_stride = 53;
                                         g.residual_pixel_stride = 41;
                                       })},
      {"first layer from a slice", with(square(9, 3, 8, 3), [](ConvGeometry& g) { g.in_pixel_stride = 7; })},
      {"3-D", with(square(5, 3, 10, 3),
                   [](ConvGeometry& g) {
                     g.batch = 2;
                     g.in_d = 4;
                     g.kernel_d = 3;
                     g.stride_d = 2;
                     g.pad_d = 1;
                     g.out_d = 2;
                   })},
      {"3-D, dilated depth", with(square(3, 17, 18, 1),
                                  [](ConvGeometry& g) {
                                    g.in_d = 5;
                                    g.kernel_d = 2;
                                    g.dilation_d = 2;
                                    g.out_d = 3;
                                  })},
      {"negative pads", with(square(9, 5, 17, 3),
                             [](ConvGeometry& g) {
                               g.pad_h = -2;
                               g.pad_w = -3;
                               g.out_h = 5;
                               g.out_w = 8;
                             })},
      {"negative pads, first layer", with(square(9, 3, 8, 3), [](ConvGeometry& g) { g.pad_w = -1; })},
      {"begins behind the image", with(square(3, 4, 8, 3), [](ConvGeometry& g) { g.pad_h = g.pad_w = -5; })},
      {"every second pixel of a larger image", with(square(5, 9, 20, 2, 1, 0),
                                                    [](ConvGeometry& g) {
                                                      g.batch = 2;
                                                      g.grid = {1, 9, 8, 1, 2, 2};
                                                      g.out_pixel_stride = 23;
                                                    })},
      {"every third column of a larger image, many pixels",
       with(square(41, 3, 7, 3), [](ConvGeometry& g) { g.grid = {1, 41, 122, 1, 1, 3}; })},
      {"3-D, on a grid", with(square(5, 3, 10, 3),
                              [](ConvGeometry& g) {
                                g.batch = 2;
                                g.groups = 1;
                                g.in_d = g.out_d = 3;
                                g.grid = {5, 5, 9, 2, 1, 2};
                              })},
      {"4 groups of 3 to 5 on a grid", with(square(4, 12, 20, 2, 1, 1),
                                            [](ConvGeometry& g) {
                                              g.groups = 4;
                                              g.out_h = 4;
                                              g.grid = {1, 7, 13, 1, 2, 3};
                                            })},
      {"many pixels: several blocks", square(41, 4, 6, 3)},
      {"long sums: several blocks of taps", square(7, 520, 72, 3)},
      {"long pointwise sums", square(3, 2050, 70, 1)},
  };
  return all;
}

template <class In, class W>
void check(const ConvProblem<In, W>& problem, const ConvKernel& kernel) {
  INFO(kernel.name);
  REQUIRE(kernel.accepts(problem.g));
  CHECK(first_difference(problem.run(kernel, {{0, 1}}), problem.expected) == -1);
  CHECK(first_difference(problem.run(kernel, {{0.6, 1}, {0, 0.3}, {0.3, 0.3}, {0.3, 0.6}}),
                         problem.expected) == -1);
}

template <class In, class W>
void check_geometries(std::span<const ConvKernel> table) {
  constexpr std::uint8_t zero_points[] = {128, 0, 255, 7};
  std::size_t next = 0;
  for (const Case& c : cases()) {
    ConvGeometry g = c.g;
    g.in_zero_point = sizeof(In) == 1 ? zero_points[next % 4] : std::uint8_t{0};
    const Finish& finish = finishes()[next++ % finishes().size()];
    Finish usable = finish;
    if (g.out_pixel_stride != g.residual_pixel_stride) usable.residual_in_place = false;
    INFO(c.name << ", " << usable.name);
    const ConvProblem<In, W> problem(g, usable, next);
    for (const ConvKernel& kernel : runnable(table)) check(problem, kernel);
  }
}

template <class In, class W>
void check_finishes(std::span<const ConvKernel> table) {
  for (const std::int64_t channels : {5, 16, 24, 64, 130}) {
    for (const Finish& finish : finishes()) {
      INFO(channels << " channels, " << finish.name);
      ConvGeometry g = square(4, 6, channels, 3);
      g.in_zero_point = sizeof(In) == 1 ? std::uint8_t{3} : std::uint8_t{0};
      const ConvProblem<In, W> problem(g, finish, size(channels));
      for (const ConvKernel& kernel : runnable(table)) check(problem, kernel);
    }
  }
}

template <class In, class W>
void check_special_values(std::span<const ConvKernel> table) {
  for (const Finish& finish : finishes()) {
    INFO(finish.name);
    ConvProblem<In, W> problem(square(6, 7, 37, 3), finish, 5);
    problem.add_special_values();
    for (const ConvKernel& kernel : runnable(table)) check(problem, kernel);
  }
}

/// All numbers of rows that a tile or its rest can have.
template <class In, class W>
void check_widths(std::span<const ConvKernel> table) {
  for (std::int64_t width = 1; width <= 26; ++width) {
    for (const std::int64_t channels : {16, 32, 48, 64}) {
      INFO(width << " pixels, " << channels << " channels");
      ConvGeometry g = square(1, 9, channels, 1);
      g.in_w = g.out_w = width;
      const ConvProblem<In, W> problem(g, finishes()[size(width) % finishes().size()], size(width));
      for (const ConvKernel& kernel : runnable(table)) check(problem, kernel);
    }
  }
}

/// How weights lie, and which part of them pairs in place, in another order and alone (of 16).
struct Pattern {
  const char* name;
  int (*weight)(std::size_t out, std::size_t in, std::size_t tap);
  std::int64_t in_place, reordered, alone;
};

constexpr Pattern patterns[] = {
    {"small weights",
     [](std::size_t o, std::size_t i, std::size_t t) { return static_cast<int>((o + i + t) % 129) - 64; }, 16,
     0, 0},
    {"64 everywhere", [](std::size_t, std::size_t, std::size_t) { return 64; }, 16, 0, 0},
    {"65 everywhere", [](std::size_t, std::size_t, std::size_t) { return 65; }, 0, 0, 16},
    {"-64 everywhere", [](std::size_t, std::size_t, std::size_t) { return -64; }, 16, 0, 0},
    {"-65 everywhere", [](std::size_t, std::size_t, std::size_t) { return -65; }, 0, 0, 16},
    {"127 everywhere", [](std::size_t, std::size_t, std::size_t) { return 127; }, 0, 0, 16},
    {"-128 everywhere", [](std::size_t, std::size_t, std::size_t) { return -128; }, 0, 0, 16},
    {"neighbours of opposite sign",
     [](std::size_t, std::size_t i, std::size_t) { return i % 2 == 0 ? 127 : -128; }, 16, 0, 0},
    {"two and two of opposite sign",
     [](std::size_t, std::size_t i, std::size_t) { return i % 4 < 2 ? 127 : -128; }, 12, 4, 0},
    {"eight and eight of opposite sign",
     [](std::size_t, std::size_t i, std::size_t) { return i % 16 < 8 ? 127 : -128; }, 0, 16, 0},
    {"one channel is not safe",
     [](std::size_t o, std::size_t i, std::size_t) { return o == 3 ? i % 16 < 8 ? 127 : -127 : 1; }, 0, 16,
     0},
    {"twelve of one sign", [](std::size_t, std::size_t i, std::size_t) { return i % 16 < 12 ? 127 : -128; },
     0, 8, 8},
};

}  // namespace

TEST_CASE("pairs in int16 never saturate, whatever the weights", "[conv]") {
  const ConvGeometry geometries[] = {square(4, 16, 13, 1), square(5, 48, 16, 3), square(3, 64, 24, 2, 2, 0),
                                     with(square(4, 64, 16, 3), [](ConvGeometry& g) { g.groups = 2; })};
  for (const Pattern& pattern : patterns) {
    for (ConvGeometry g : geometries) {
      g.in_zero_point = 255;
      ConvProblem<std::uint8_t, std::int8_t> problem(g, finishes().front(), 9);
      problem.replace(pattern.weight, 255);
      INFO(pattern.name << ", " << g.in_channels << " channels");
      for (const ConvKernel& kernel : runnable(conv_u8s8_kernels())) {
        check(problem, kernel);
        if (kernel.proof == nullptr) continue;
        std::vector<std::uint8_t> memory(kernel.packed_bytes(g) + 64);
        std::uint8_t* const packed =
            memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64);
        kernel.pack(g, problem.weights.data(), packed);
        const PairProof proof = kernel.proof(g, packed);
        const std::int64_t sum = proof.in_place + proof.reordered + proof.alone;
        CHECK(sum % (g.in_channels / g.groups * g.kernel_h * g.kernel_w * g.groups) == 0);
        if (pattern.weight(0, 0, 0) == 1) continue;  // the channel may be in one panel of several
        CHECK(16 * proof.in_place == pattern.in_place * sum);
        CHECK(16 * proof.reordered == pattern.reordered * sum);
        CHECK(16 * proof.alone == pattern.alone * sum);
      }
    }
  }
}

TEST_CASE("which convolutions depend on a proof", "[conv]") {
  for (const ConvKernel& kernel : conv_f32_kernels()) CHECK(kernel.proof == nullptr);
  for (const ConvKernel& kernel : conv_u8s8_kernels())
    CHECK((kernel.proof != nullptr) == (kernel.isa == Isa::avx2 || kernel.isa == Isa::avx512));
}

TEST_CASE("conv_f32 equals the reference on every geometry", "[conv]") {
  check_geometries<float, float>(conv_f32_kernels());
}
TEST_CASE("conv_u8s8 equals the reference on every geometry", "[conv]") {
  check_geometries<std::uint8_t, std::int8_t>(with_double(conv_u8s8_kernels(), false));
}
TEST_CASE("conv_f32 equals the reference with every epilogue", "[conv]") {
  check_finishes<float, float>(conv_f32_kernels());
}
TEST_CASE("conv_u8s8 equals the reference with every epilogue", "[conv]") {
  check_finishes<std::uint8_t, std::int8_t>(with_double(conv_u8s8_kernels(), false));
}
TEST_CASE("conv_f32 treats NaN and infinity as the reference", "[conv]") {
  check_special_values<float, float>(conv_f32_kernels());
}
TEST_CASE("conv_u8s8 treats NaN and infinity in bias as the reference", "[conv]") {
  check_special_values<std::uint8_t, std::int8_t>(with_double(conv_u8s8_kernels(), false));
}
TEST_CASE("conv_f32 equals the reference for every number of rows", "[conv]") {
  check_widths<float, float>(conv_f32_kernels());
}
TEST_CASE("conv_u8s8 equals the reference for every number of rows", "[conv]") {
  check_widths<std::uint8_t, std::int8_t>(with_double(conv_u8s8_kernels(), false));
}

TEST_CASE("the convolution tables serve every instruction set", "[conv]") {
  const ConvGeometry g = square(5, 8, 16, 3);
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avxvnni, Isa::avx512, Isa::avx512vnni}) {
    for (const auto table : {conv_f32_kernels(), conv_u8s8_kernels()}) {
      const ConvKernel* kernel = select(table, g, isa);
      REQUIRE(kernel != nullptr);
      CHECK(includes(isa, kernel->isa));
    }
  }
  CHECK(select(conv_u8s8_kernels(), g, Isa::avx512vnni)->isa == Isa::avx512vnni);
  CHECK(select(conv_u8s8_kernels(), g, Isa::avxvnni)->isa == Isa::avxvnni);
  CHECK(select(conv_f32_kernels(), g, Isa::avx512vnni)->isa == Isa::avx512);
  CHECK(select(conv_f32_kernels(), g, Isa::avxvnni)->isa == Isa::avx2);
}
