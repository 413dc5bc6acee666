#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>

#include "engine/calibration/calibrate.h"
#include "engine/evaluation/random_input.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/networks.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

void fill_random(Session& session, std::uint64_t sample) {
  for (std::size_t i = 0; i < session.program().inputs().size(); ++i)
    for (std::size_t e = 0; e < session.input(i).size(); ++e) session.input(i)[e] = random_input(7, sample * 16 + i, e);
}

/// FNV-1a over the bytes of all outputs.
std::uint64_t output_hash(const Session& session) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < session.program().outputs().size(); ++i)
    for (const float value : session.output(i)) {
      std::array<unsigned char, sizeof value> bytes{};
      std::memcpy(bytes.data(), &value, sizeof value);
      for (const unsigned char byte : bytes) hash = (hash ^ byte) * 1099511628211ULL;
    }
  return hash;
}

std::uint64_t run_hash(const Graph& graph, Isa isa, bool int8, int threads) {
  CompileOptions options;
  options.isa = isa;
  options.int8 = int8;
  Session session(Program::compile(graph, options), threads);
  fill_random(session, 100);
  session.run();
  return output_hash(session);
}

/// The model calibrated on a few random samples, as its own IR generation states it.
Graph calibrated(const Model& model) {
  CalibrationOptions options;
  options.threads = 2;
  const auto fill = [](Session& session, std::size_t index) {
    fill_random(session, index);
    return true;
  };
  const CalibrationResult result = calibrate(model.graph, 3, fill, options);
  return ir::to_graph(ir::annotate(model.document, result.annotation));
}

}  // namespace

TEST_CASE("outputs are the same bits on every instruction set and number of threads", "[invariance]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  std::vector<fs::path> done;
  for (const GoldenEntry& entry : read_golden_index(shared, REFCALIB_TOPOLOGIES_DIR)) {
    if (entry.precision != "FP32" || !is_required(entry.model) || !entry.weights.empty()) continue;
    if (std::find(done.begin(), done.end(), entry.xml) != done.end()) continue;
    done.push_back(entry.xml);
    if (!fs::exists(entry.xml)) {
      std::cout << "SKIPPED  " << entry.model << ": not built\n";
      continue;
    }
    const Model model = load_model(entry.xml);
    const Graph quantized = calibrated(model);
    const std::uint64_t int8 = run_hash(quantized, available_isas().back(), true, 1);
    const std::uint64_t fp32 = run_hash(model.graph, available_isas().back(), false, 1);
    CHECK(int8 != fp32);
    for (const Isa isa : available_isas())
      for (const int threads : {1, 2}) {
        // The portable FP32 path calls fmaf for each product: once is enough for the large networks.
        INFO(entry.model << " on " << to_string(isa) << " with " << threads << " threads");
        CHECK(run_hash(quantized, isa, true, threads) == int8);
        if (isa != Isa::scalar || threads == 2) CHECK(run_hash(model.graph, isa, false, threads) == fp32);
      }
    std::cout << "same bits  " << entry.model << "  INT8 " << std::hex << int8 << "  FP32 " << fp32 << std::dec << "\n";
  }
  CHECK(!done.empty());
}
