// From the files of a model to its first answer: model_bench [--benchmark_…] MODEL.xml …
//
//   read/<model>      the files become a graph
//   compile/<model>   passes, packing of weights for the selected instruction set
//   first/<model>     reading, compiling, a session on one thread and its first run
//   run/<model>       a later run of that session
//   observe/<model>   a run as calibration makes it, in FP32 with statistics taken of all values; "ratio": of its time to that of a
//                     plain run, the two in turns
//
// Files are in the system's cache, as after the first of several starts.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "bench/support/timing.h"
#include "engine/calibration/plan.h"
#include "engine/calibration/range_observer.h"
#include "engine/core/error.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"

namespace {

using namespace refcalib::engine;

void read(benchmark::State& state, const std::string& path) {
  for (auto _ : state) benchmark::DoNotOptimize(load_model(path));
}

void compile(benchmark::State& state, const std::string& path) {
  const Model model = load_model(path);
  for (auto _ : state) {
    const auto program = Program::compile(model.graph);
    state.counters["packed_MB"] = static_cast<double>(program->constant_bytes()) * 1e-6;
  }
}

void first(benchmark::State& state, const std::string& path) {
  for (auto _ : state) {
    Session session(Program::compile(load_model(path).graph), 1);
    session.run();
  }
}

void run(benchmark::State& state, const std::string& path) {
  Session session(Program::compile(load_model(path).graph), 1);
  session.run();
  for (auto _ : state) session.run();
}

void observe(benchmark::State& state, const std::string& path) {
  const Graph graph = float_graph(load_model(path).graph);
  CompileOptions options = default_options();
  options.int8 = false;
  const auto program = Program::compile(graph, options);
  Session session(program, 1);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> pixel(0, 255);
  for (std::size_t i = 0; i < program->inputs().size(); ++i)
    for (float& x : session.input(i)) x = pixel(random);
  const auto batch = static_cast<std::size_t>(program->inputs().front().shape.front());
  RangeObserver observer(*program, observed_values(graph), batch, {});
  refcalib_bench::Turns turns;
  for (auto _ : state) {
    turns.second.push_back(refcalib_bench::seconds_of([&] { session.run(); }));
    turns.first.push_back(refcalib_bench::seconds_of([&] {
      observer.begin(std::vector<bool>(batch, true));
      session.run(observer);
    }));
    state.SetIterationTime(turns.first.back());
  }
  state.counters["ratio"] = turns.ratio();
}

void add(const std::string& path) {
  const std::string name = std::filesystem::path(path).stem().string();
  const auto entry = [&](const std::string& kind, void (*function)(benchmark::State&, const std::string&)) {
    const auto reporting = [function, path](benchmark::State& state) {
      try {
        function(state, path);
      } catch (const Error& error) {
        state.SkipWithError(error.what());
      }
    };
    return benchmark::RegisterBenchmark((kind + "/" + name).c_str(), reporting)
        ->Unit(benchmark::kMillisecond);
  };
  entry("read", read)->UseRealTime();
  entry("compile", compile)->UseRealTime();
  entry("first", first)->UseRealTime();
  entry("run", run)->UseRealTime();
  entry("observe", observe)->UseManualTime();
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) add(argv[i]);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
