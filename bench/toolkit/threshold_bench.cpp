// Threshold searches: time per tensor, which must stay far below the time of observing it.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <refcalib/threshold.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/toolkit/bench_data.h"
#include "bench/toolkit/full_search.h"

namespace {

using refcalib::Histogram;
using refcalib::Range;

/// What was seen of a tensor: a million values in a hundred images.
struct Seen {
  Histogram histogram;
  std::vector<Range> images;
};

Seen see(std::string_view data) {
  constexpr std::size_t images = 100;
  std::vector<float> values = refcalib_bench::normal_values(1'000'000, data != "signed");
  if (data == "outlier") values[0] = 60.0F;
  Seen seen;
  for (std::size_t i = 0; i < images; ++i) {
    const std::span<const float> image =
        std::span<const float>(values).subspan(i * values.size() / images, values.size() / images);
    seen.histogram.update(image);
    seen.images.push_back(
        {*std::min_element(image.begin(), image.end()), *std::max_element(image.begin(), image.end())});
  }
  return seen;
}

void search(benchmark::State& state, const refcalib::ThresholdMethod& method, const std::string& data,
            refcalib::Scheme scheme) {
  const Seen seen = see(data);
  const refcalib::ThresholdInput input(seen.histogram, {seen.images, {}});
  for (auto _ : state) benchmark::DoNotOptimize(method.search(input, refcalib::kUint8, scheme, {}));
}

/// Microseconds of processor time.
double now() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

/// The symmetric search and the full one in turns; the results must be equal.
void against_full(benchmark::State& state, const refcalib::ThresholdMethod& method,
                  double (*full)(const Histogram&), const std::string& data) {
  const Seen seen = see(data);
  std::vector<double> of_search;
  std::vector<double> of_full;
  for (auto _ : state) {
    const double start = now();
    const Range found = method.search(seen.histogram, refcalib::kUint8, refcalib::Scheme::symmetric, {});
    const double between = now();
    const double expected = full(seen.histogram);
    of_full.push_back(now() - between);
    of_search.push_back(between - start);
    if (found.max != static_cast<float>(expected)) state.SkipWithError("the results differ");
  }
  if (of_search.empty()) return;
  state.counters["search_us"] = median(of_search);
  state.counters["full_us"] = median(of_full);
  state.counters["ratio"] = median(of_full) / median(of_search);
}

}  // namespace

int main(int argc, char** argv) {
  const std::array<std::string, 3> sets{"relu", "signed", "outlier"};
  for (const std::string& data : sets) {
    for (const refcalib::ThresholdMethod& method : refcalib::threshold_methods()) {
      for (const refcalib::Scheme scheme : {refcalib::Scheme::symmetric, refcalib::Scheme::asymmetric}) {
        const std::string name = "threshold/" + std::string(method.name) + "/" + data +
                                 (scheme == refcalib::Scheme::symmetric ? "/symmetric" : "/asymmetric");
        benchmark::RegisterBenchmark(name.c_str(), search, method, data, scheme)
            ->Unit(benchmark::kMicrosecond);
      }
    }
    for (const auto& [name, full] :
         {std::pair{"kl", &refcalib_bench::full_kl}, std::pair{"mse", &refcalib_bench::full_mse}})
      benchmark::RegisterBenchmark(("threshold_in_turns/" + std::string(name) + "/" + data).c_str(),
                                   against_full, refcalib::find_threshold_method(name), full, data)
          ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
