// The loops behind the peak figures do what they count.

#include <cmath>
#include <cstdint>
#include <vector>

#include "engine/kernels/peak/peak.h"
#include "tests/support/catch.hpp"
#include "tests/support/runnable.hpp"

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;

TEST_CASE("peak loops multiply, add and read", "[peak]") {
  std::vector<float> ones(64, 1.0F);
  std::vector<std::uint8_t> bytes(512, 1);
  std::vector<std::int32_t> values(4096);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = 1 << (i % 20);
  }
  for (const PeakKernel& kernel : refcalib_test::runnable(peak_kernels())) {
    INFO(to_string(kernel.isa));
    // Each sum of f32() gets one product, here 1, per round; the rest of the memory stays as it was.
    std::vector<float> sums(512, -1.0F);
    kernel.f32(100, ones.data(), sums.data());
    const auto f32_sums = static_cast<std::size_t>(kernel.f32_ops / 2);
    REQUIRE(f32_sums <= sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) CHECK(sums[i] == (i < f32_sums ? 100.0F : -1.0F));

    // Each sum of u8s8() grows by the same amount per round, whatever it started from.
    std::vector<std::int32_t> few(512, -1), many(512, -1);
    kernel.u8s8(1, bytes.data(), few.data());
    kernel.u8s8(9, bytes.data(), many.data());
    const auto u8s8_sums = static_cast<std::size_t>(kernel.u8s8_ops / 8);
    REQUIRE(u8s8_sums <= few.size());
    for (std::size_t i = 0; i < u8s8_sums; ++i) CHECK(many[i] - few[i] == many[0] - few[0]);
    for (std::size_t i = u8s8_sums; i < few.size(); ++i) CHECK(few[i] == -1);
    CHECK(many[0] > few[0]);

    const std::int32_t before = kernel.read(values.data(), 4096);
    values[1234] += 1 << 24;
    CHECK(kernel.read(values.data(), 4096) != before);
    values[1234] -= 1 << 24;
    CHECK(kernel.read(values.data(), 4096) == before);
  }
}

TEST_CASE("measured peaks are finite and positive", "[peak]") {
  const PeakRates rates = measure_peak(available_isas().back(), 2);
  for (const double rate : {rates.f32_gflops, rates.u8s8_gops, rates.l1_read_gbps, rates.dram_gbps}) {
    CHECK(std::isfinite(rate));
    CHECK(rate > 0);
  }
}
