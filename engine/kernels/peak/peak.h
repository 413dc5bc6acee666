#pragma once

#include <cstdint>
#include <span>

#include "engine/cpu/isa.h"

namespace refcalib::engine::kernels {

/// What `threads` cores reach together, in 10^9 per second. A multiply-add counts as two operations.
struct PeakRates {
  double f32_gflops = 0;    ///< f32 fused multiply-adds on registers
  double u8s8_gops = 0;     ///< exact u8*s8 products summed in int32, on registers
  double l1_read_gbps = 0;  ///< reading 16 KiB per core again and again
  double dram_gbps = 0;     ///< reading 64 MiB (all threads together) once per pass
};

/// Measures for about 20 ms per figure, with the instruction set's own registers and tile shape; each
/// thread's best batch counts. Reports divide by these figures to print percentages of peak. `isa` must be
/// available, `threads` >= 1. Throws std::bad_alloc or std::system_error if memory or threads are refused.
PeakRates measure_peak(Isa isa, int threads);

/// The loops of one instruction set.
struct PeakKernel {
  Isa isa;
  double f32_ops;   ///< operations per round of f32()
  double u8s8_ops;  ///< operations per round of u8s8()
  /// Does `rounds` rounds over the 64 operands at `operands` and stores the sums at `sums`, so that no
  /// compiler removes them (at most 2 KiB).
  void (*f32)(std::int64_t rounds, const float* operands, float* sums) noexcept;
  void (*u8s8)(std::int64_t rounds, const std::uint8_t* operands, std::int32_t* sums) noexcept;
  /// Reads `count` values, a multiple of 256, and returns a sum that depends on all of them.
  std::int32_t (*read)(const std::int32_t* values, std::int64_t count) noexcept;
};

/// The table, best first.
std::span<const PeakKernel> peak_kernels() noexcept;

}  // namespace refcalib::engine::kernels
