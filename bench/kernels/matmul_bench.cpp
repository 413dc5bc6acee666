// Products of two matrices that are computed at run time, in the shapes of a transformer encoder, one thread. Every
// benchmark reports the best run, because other work on the machine only ever adds time. Names are
// <batch>x<rows>x<inner>x<columns>/<n or t: B transposed>/<isa>; peak is the fraction of what the registers reach.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/cpu/isa.h"
#include "engine/kernels/matmul/matmul.h"
#include "engine/kernels/peak/peak.h"

namespace {

using namespace refcalib::engine;
using namespace refcalib::engine::kernels;

struct Product {
  std::int64_t batch, m, k, n;
  bool transposed;
};

/// Scores and sums of 12 heads, then larger and smaller products.
constexpr Product products[] = {{12, 128, 64, 128, true},  {12, 128, 128, 64, false},
                                {12, 384, 64, 384, true},  {12, 384, 384, 64, false},
                                {1, 128, 768, 768, false}, {16, 16, 32, 16, true}};

void run(benchmark::State& state, const Product& p, const MatMulKernel& kernel) {
  std::vector<float> a(static_cast<std::size_t>(p.batch * p.m * p.k) + 16, 0.5F);
  std::vector<float> b(static_cast<std::size_t>(p.batch * p.k * p.n) + 16, 0.25F);
  std::vector<float> c(static_cast<std::size_t>(p.batch * p.m * p.n) + 16);
  std::vector<std::int64_t> a_offset, b_offset, c_offset;
  for (std::int64_t i = 0; i < p.batch; ++i) {
    a_offset.push_back(i * p.m * p.k);
    b_offset.push_back(i * p.k * p.n);
    c_offset.push_back(i * p.m * p.n);
  }
  MatMulArgs args;
  args.a = a.data();
  args.b = b.data();
  args.c = c.data();
  args.batch = p.batch;
  args.m = p.m;
  args.n = args.c_row = p.n;
  args.k = args.a_row = p.k;
  args.b_row = p.transposed ? 1 : p.n;
  args.b_column = p.transposed ? p.k : 1;
  args.a_offset = a_offset.data();
  args.b_offset = b_offset.data();
  args.c_offset = c_offset.data();
  std::vector<std::byte> scratch(kernel.scratch_bytes(args) + 64);
  args.scratch = scratch.data() + (64 - reinterpret_cast<std::uintptr_t>(scratch.data()) % 64);
  double best = 1e9;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    kernel.run(args, 0, kernel.work_items(args));
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const double operations = 2.0 * static_cast<double>(p.batch * p.m * p.n * p.k);
  state.counters["best_ms"] = best * 1e3;
  state.counters["GFLOPs"] = operations / best * 1e-9;
  state.counters["peak"] = operations / best * 1e-9 / measure_peak(kernel.isa, 1).f32_gflops;
}

void register_all() {
  for (const MatMulKernel& kernel : matmul_kernels()) {
    if (!is_available(kernel.isa)) continue;
    for (const Product& p : products) {
      const std::string name = std::to_string(p.batch) + "x" + std::to_string(p.m) + "x" +
                               std::to_string(p.k) + "x" + std::to_string(p.n) +
                               (p.transposed ? "/t/" : "/n/") + std::string(to_string(kernel.isa));
      benchmark::RegisterBenchmark(name.c_str(), [&p, &kernel](benchmark::State& s) {
        run(s, p, kernel);
      })->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
