#include "engine/kernels/peak/peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include "engine/kernels/table.h"

namespace refcalib::engine::kernels {

#define REFCALIB_PEAK(isa) extern const PeakKernel peak_##isa;
#include "engine/kernels/peak/kernels.def"
#undef REFCALIB_PEAK

std::span<const PeakKernel> peak_kernels() noexcept {
  static const PeakKernel table[] = {
#define REFCALIB_PEAK(isa) peak_##isa,
#include "engine/kernels/peak/kernels.def"
#undef REFCALIB_PEAK
  };
  return table;
}

namespace {

using Clock = std::chrono::steady_clock;

/// Calls `batch` for about 20 ms and returns the least time of one call in seconds.
template <class Batch>
double best_seconds(const Batch& batch) {
  const auto until = Clock::now() + std::chrono::milliseconds(20);
  double best = 1e9;
  do {
    const auto start = Clock::now();
    batch();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < until);
  return std::max(best, 1e-9);
}

/// Rates of one thread, which has `dram_bytes` of its own to read.
PeakRates measure_thread(const PeakKernel& kernel, std::size_t dram_bytes) {
  constexpr double giga = 1e-9;
  constexpr std::int64_t rounds = 20000;
  constexpr std::int64_t l1_values = 4096;
  alignas(64) float f32_operands[64], f32_sums[512];
  alignas(64) std::uint8_t u8_operands[512];
  alignas(64) std::int32_t u8_sums[512];
  // Ordinary numbers: sums that overflow or denormals could be slower than real data.
  for (int i = 0; i < 64; ++i) {
    f32_operands[i] = i % 2 == 0 ? 0.25F : -0.25F;
  }
  for (int i = 0; i < 512; ++i) {
    u8_operands[i] = static_cast<std::uint8_t>(i % 7);
  }
  std::vector<std::int32_t> memory(dram_bytes / sizeof(std::int32_t) / 256 * 256, 1);
  volatile std::int32_t sink = 0;

  PeakRates rates;
  rates.f32_gflops =
      giga * kernel.f32_ops * rounds / best_seconds([&] { kernel.f32(rounds, f32_operands, f32_sums); });
  rates.u8s8_gops =
      giga * kernel.u8s8_ops * rounds / best_seconds([&] { kernel.u8s8(rounds, u8_operands, u8_sums); });
  rates.l1_read_gbps = giga * 4.0 * l1_values * 64 / best_seconds([&] {
                         for (int i = 0; i < 64; ++i) {
                           sink = kernel.read(memory.data(), l1_values);
                         }
                       });
  const auto values = static_cast<std::int64_t>(memory.size());
  rates.dram_gbps = giga * 4.0 * static_cast<double>(values) /
                    best_seconds([&] { sink = kernel.read(memory.data(), values); });
  return rates;
}

}  // namespace

PeakRates measure_peak(Isa isa, int threads) {
  constexpr std::size_t dram_bytes = std::size_t{64} << 20U;
  const PeakKernel& kernel = select(peak_kernels(), isa);
  const auto members = static_cast<std::size_t>(std::max(threads, 1));
  std::vector<PeakRates> rates(members);
  std::vector<std::jthread> team;
  for (std::size_t m = 1; m < members; ++m) {
    team.emplace_back([&, m] { rates[m] = measure_thread(kernel, dram_bytes / members); });
  }
  rates[0] = measure_thread(kernel, dram_bytes / members);
  team.clear();
  PeakRates sum;
  for (const PeakRates& r : rates) {
    sum.f32_gflops += r.f32_gflops;
    sum.u8s8_gops += r.u8s8_gops;
    sum.l1_read_gbps += r.l1_read_gbps;
    sum.dram_gbps += r.dram_gbps;
  }
  return sum;
}

}  // namespace refcalib::engine::kernels
