// Threshold searches: time per tensor, which must stay far below the time of observing it.

#include <benchmark/benchmark.h>

#include <refcalib/threshold.hpp>
#include <string>
#include <vector>

#include "bench/toolkit/bench_data.h"

namespace {

refcalib::Histogram histogram_of(bool relu) {
  refcalib::Histogram histogram;
  const std::vector<float> data = refcalib_bench::normal_values(1'000'000, relu);
  histogram.update(std::span<const float>(data));
  return histogram;
}

void search(benchmark::State& state, refcalib::ThresholdFunction function, bool relu,
            refcalib::Scheme scheme) {
  const refcalib::Histogram histogram = histogram_of(relu);
  for (auto _ : state) benchmark::DoNotOptimize(function(histogram, refcalib::kUint8, scheme, {}));
}

}  // namespace

int main(int argc, char** argv) {
  for (const refcalib::ThresholdMethod& method : refcalib::threshold_methods()) {
    for (const bool relu : {true, false}) {
      for (const refcalib::Scheme scheme : {refcalib::Scheme::symmetric, refcalib::Scheme::asymmetric}) {
        const std::string name = "threshold/" + std::string(method.name) + (relu ? "/relu" : "/signed") +
                                 (scheme == refcalib::Scheme::symmetric ? "/symmetric" : "/asymmetric");
        benchmark::RegisterBenchmark(name.c_str(), search, method.search, relu, scheme)
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
