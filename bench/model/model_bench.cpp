// From the files of a model to its first answer: model_bench [--benchmark_…] MODEL.xml …
//
//   read/<model>      the files become a graph
//   compile/<model>   passes, packing of weights for the selected instruction set
//   first/<model>     reading, compiling, a session on one thread and its first run
//   run/<model>       a later run of that session
//
// Files are in the system's cache, as after the first of several starts.

#include <benchmark/benchmark.h>

#include <filesystem>
#include <string>

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
    benchmark::RegisterBenchmark((kind + "/" + name).c_str(), reporting)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  entry("read", read);
  entry("compile", compile);
  entry("first", first);
  entry("run", run);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) add(argv[i]);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
