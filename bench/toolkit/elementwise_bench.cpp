// Memory-bound loops: quantize, dequantize, fake-quantize, requantize, min/max and the metrics, on a tensor
// inside the second-level cache and on one outside all caches. bytes_per_second counts what is read and
// written.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/toolkit/bench_data.h"
#include "tests/toolkit/isa_forms.h"

namespace {

using refcalib_bench::normal_values;
using refcalib_test::IsaForms;

constexpr refcalib::QuantParams kParams{0.02F, 128, refcalib::kUint8};

void report(benchmark::State& state, std::size_t n, std::size_t bytes_per_value) {
  const auto total = state.iterations() * static_cast<std::int64_t>(n);
  state.SetItemsProcessed(total);
  state.SetBytesProcessed(total * static_cast<std::int64_t>(bytes_per_value));
}

void quantize(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<float> x = normal_values(n);
  std::vector<std::uint8_t> q(n);
  for (auto _ : state) {
    isa.u8.quantize(x, q, kParams);
    benchmark::DoNotOptimize(q.data());
    benchmark::ClobberMemory();
  }
  report(state, n, 5);
}

void dequantize(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<std::uint8_t> q(n, 77);
  std::vector<float> x(n);
  for (auto _ : state) {
    isa.u8.dequantize(q, x, kParams);
    benchmark::DoNotOptimize(x.data());
    benchmark::ClobberMemory();
  }
  report(state, n, 5);
}

void fake_quantize(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<float> x = normal_values(n);
  std::vector<float> y(n);
  for (auto _ : state) {
    isa.fake_quantize(x, y, kParams);
    benchmark::DoNotOptimize(y.data());
    benchmark::ClobberMemory();
  }
  report(state, n, 8);
}

void requantize_float(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<std::int32_t> acc(n, -12345);
  std::vector<std::uint8_t> q(n);
  for (auto _ : state) {
    isa.u8.requantize(acc, q, 0.003F, {128, refcalib::kUint8});
    benchmark::DoNotOptimize(q.data());
    benchmark::ClobberMemory();
  }
  report(state, n, 5);
}

void requantize_fixed(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<std::int32_t> acc(n, -12345);
  std::vector<std::uint8_t> q(n);
  for (auto _ : state) {
    isa.u8.requantize_fixed(acc, q, refcalib::quantize_multiplier(0.003), {128, refcalib::kUint8});
    benchmark::DoNotOptimize(q.data());
    benchmark::ClobberMemory();
  }
  report(state, n, 5);
}

void min_max(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<float> x = normal_values(n);
  for (auto _ : state) {
    refcalib::MinMaxObserver observer;
    isa.min_max(observer, x);
    benchmark::DoNotOptimize(observer);
  }
  report(state, n, 4);
}

void channel_min_max(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  constexpr std::size_t channels = 64;
  const std::vector<float> x = normal_values(n);
  refcalib::ChannelMinMaxObserver observer(channels);
  for (auto _ : state) {
    isa.channels_last(observer, x.data(), n / channels, channels);
    benchmark::DoNotOptimize(observer);
  }
  report(state, n, 4);
}

void sqnr(benchmark::State& state, const IsaForms& isa, std::size_t n) {
  const std::vector<float> x = normal_values(n);
  const std::vector<float> y(n, 0.5F);
  for (auto _ : state) benchmark::DoNotOptimize(isa.sqnr_db(x, y));
  report(state, n, 8);
}

}  // namespace

int main(int argc, char** argv) {
  using Function = void (*)(benchmark::State&, const IsaForms&, std::size_t);
  const std::vector<std::pair<std::string, Function>> loops{{"quantize_u8", quantize},
                                                            {"dequantize_u8", dequantize},
                                                            {"fake_quantize", fake_quantize},
                                                            {"requantize_u8", requantize_float},
                                                            {"requantize_q31_u8", requantize_fixed},
                                                            {"min_max", min_max},
                                                            {"channel_min_max", channel_min_max},
                                                            {"sqnr", sqnr}};
  for (const auto& [name, function] : loops) {
    for (const IsaForms& isa : refcalib_test::available_isa_forms()) {
      for (const std::size_t n : {std::size_t{1} << 15, std::size_t{1} << 24}) {
        const std::string full = name + "/" + std::string(isa.name) + "/" + std::to_string(n);
        benchmark::RegisterBenchmark(full.c_str(), function, isa, n);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
