// Histogram::update in ns per value, for the data that decide its speed: zeros after a ReLU, both signs, a
// range set by one outlier (few bins hold everything), a constant, small tensors and short padded rows.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/toolkit/bench_data.h"
#include "tests/toolkit/isa_forms.h"

namespace {

using refcalib_bench::normal_values;
using refcalib_test::IsaForms;

void report(benchmark::State& state, std::size_t n) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(n));
  state.counters["time/value"] =
      benchmark::Counter(static_cast<double>(n) * 1e-9 * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void update(benchmark::State& state, const refcalib::HistogramKernel& kernel,
            const std::vector<float>& data) {
  refcalib::Histogram histogram;
  for (auto _ : state) {
    histogram.update(data, kernel);
    benchmark::DoNotOptimize(histogram);
  }
  report(state, data.size());
}

void update_rows(benchmark::State& state, const refcalib::HistogramKernel& kernel, std::size_t row,
                 std::size_t stride) {
  const std::size_t rows = 200'000 / row;
  const std::vector<float> data = normal_values(rows * stride, true);
  refcalib::Histogram histogram;
  for (auto _ : state) {
    histogram.update(data.data(), rows, row, stride, kernel);
    benchmark::DoNotOptimize(histogram);
  }
  report(state, rows * row);
}

}  // namespace

int main(int argc, char** argv) {
  struct Case {
    std::string name;
    std::vector<float> data;
  };
  constexpr std::size_t large = 802'816;  // the output of ResNet-50's first convolution
  std::vector<float> outlier = normal_values(large, true);
  outlier[large / 2] = 300.0F;
  const std::vector<Case> cases{{"relu", normal_values(large, true)},
                                {"signed", normal_values(large)},
                                {"one_outlier", outlier},
                                {"constant", std::vector<float>(large, 1.5F)},
                                {"zeros", std::vector<float>(large, 0.0F)},
                                {"relu_8000", normal_values(8'000, true)},
                                {"relu_500", normal_values(500, true)}};
  for (const IsaForms& isa : refcalib_test::available_isa_forms()) {
    for (const Case& c : cases) {
      const std::string name = "histogram/" + std::string(isa.name) + "/" + c.name;
      benchmark::RegisterBenchmark(name.c_str(), update, isa.histogram, c.data);
    }
    for (const auto& [row, stride] : {std::pair<std::size_t, std::size_t>{24, 32}, {3, 16}}) {
      const std::string name = "histogram/" + std::string(isa.name) + "/rows_" + std::to_string(row);
      benchmark::RegisterBenchmark(name.c_str(), update_rows, isa.histogram, row, stride);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
