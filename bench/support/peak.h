#pragma once

#include <utility>
#include <vector>

#include "engine/kernels/peak/peak.h"

namespace refcalib_bench {

/// What one core reaches with an instruction set, measured when it is first asked for.
inline const refcalib::engine::kernels::PeakRates& peak_rates(refcalib::engine::Isa isa) {
  static std::vector<std::pair<refcalib::engine::Isa, refcalib::engine::kernels::PeakRates>> known;
  for (const auto& [measured, rates] : known)
    if (measured == isa) return rates;
  known.reserve(16);  // references stay valid
  return known.emplace_back(isa, refcalib::engine::kernels::measure_peak(isa, 1)).second;
}

/// 10^9 operations per second.
inline double peak_gops(refcalib::engine::Isa isa, bool quantized) {
  return quantized ? peak_rates(isa).u8s8_gops : peak_rates(isa).f32_gflops;
}

}  // namespace refcalib_bench
