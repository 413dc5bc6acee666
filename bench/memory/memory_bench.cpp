// Loops that are bound by memory, one thread: <unit>/<form>/<isa>/<level>. Each takes turns with a plain stream of the same bytes read and
// written over the same memory; counters are GBs (bytes read and written per second), stream_GBs (those of the stream) and bandwidth (the
// median of the turns' stream time / loop time: the fraction of the bandwidth that is reached). Levels are sizes of read and written
// memory together.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "bench/memory/loop.h"
#include "bench/memory/stream.h"
#include "bench/support/memory.h"
#include "bench/support/timing.h"

namespace {

using refcalib_bench::Loop;
using refcalib_bench::Memory;
using refcalib_bench::Turns;

struct Level {
  const char* name;
  std::size_t bytes;
};
constexpr Level levels[] = {{"L1_16K", std::size_t{16} << 10},
                            {"L2_384K", std::size_t{384} << 10},
                            {"L3_8M", std::size_t{8} << 20},
                            {"DRAM_128M", std::size_t{128} << 20}};

constexpr double turn_bytes = 4e6;  ///< a turn lasts long enough for the clock

void run(benchmark::State& state, const Loop& loop, const Level& level) {
  const double item_bytes = loop.read_bytes + loop.written_bytes;
  const auto fitting = static_cast<std::size_t>(static_cast<double>(level.bytes) / item_bytes);
  const std::size_t items = std::max<std::size_t>(1, fitting / loop.granularity) * loop.granularity;
  const double bytes = static_cast<double>(items) * item_bytes;
  const refcalib_bench::Stream& stream = refcalib_bench::nearest_stream(loop.read_bytes, loop.written_bytes);
  const auto units = std::max<std::size_t>(1, static_cast<std::size_t>(bytes / stream.bytes(1)));

  const auto size = [&](double per_item, std::size_t per_unit) {
    return std::max(static_cast<std::size_t>(static_cast<double>(items) * per_item), 256 * per_unit * units) +
           4096;
  };
  Memory in(size(loop.read_bytes, stream.reads)), out(size(loop.written_bytes, stream.writes));
  in.fill(true);  // values of both signs; seen as bytes or integers they are ordinary too
  const auto call = loop.make(in.data(), out.data(), items);
  const int calls = static_cast<int>(std::max(1.0, turn_bytes / bytes));
  Turns turns;
  call();
  for (auto _ : state) {
    turns.first.push_back(refcalib_bench::seconds_of([&] {
      for (int i = 0; i < calls; ++i) call();
    }));
    benchmark::ClobberMemory();
    turns.second.push_back(refcalib_bench::seconds_of([&] {
      for (int i = 0; i < calls; ++i) stream.run(in.data(), out.data(), units);
    }));
    benchmark::ClobberMemory();
    state.SetIterationTime(turns.first.back());
  }
  const double moved = bytes * calls, streamed = stream.bytes(units) * calls;
  state.counters["GBs"] = moved / turns.first_median() * 1e-9;
  state.counters["stream_GBs"] = streamed / turns.second_median() * 1e-9;
  state.counters["bandwidth"] = moved / streamed / turns.ratio();
}

void register_all(const std::vector<Loop>& loops) {
  for (const Loop& loop : loops)
    for (const Level& level : levels)
      benchmark::RegisterBenchmark((loop.name + "/" + level.name).c_str(),
                                   [&loop, &level](benchmark::State& s) { run(s, loop, level); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<Loop> toolkit = refcalib_bench::toolkit_loops(), kernels = refcalib_bench::kernel_loops();
  register_all(toolkit);
  register_all(kernels);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
