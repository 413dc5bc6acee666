#include <algorithm>
#include <iostream>

#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/golden/golden_detections.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/networks.h"
#include "tests/golden/random_run.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

TEST_CASE("outputs are the same bits on every instruction set and number of threads", "[invariance]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  std::vector<fs::path> done;
  for (const GoldenEntry& entry : read_golden_index(shared, REFCALIB_TOPOLOGIES_DIR)) {
    if (entry.precision != "FP32" || !is_compared(entry.model) || !entry.weights.empty()) continue;
    if (entry.xml.extension() != ".xml") continue;  // the same networks again
    if (std::find(done.begin(), done.end(), entry.xml) != done.end()) continue;
    done.push_back(entry.xml);
    if (!fs::exists(entry.xml)) {
      std::cout << "SKIPPED  " << entry.model << ": not built\n";
      continue;
    }
    const Model model = load_model(entry.xml);
    const Graph quantized = ir::to_graph(calibrated(model));
    const std::uint64_t int8 = run_hash(quantized, available_isas().back(), true, 1);
    const std::uint64_t fp32 = run_hash(model.graph, available_isas().back(), false, 1);
    // A detector may see nothing in random numbers, in either precision.
    if (!lists_detections(entry.outputs.front())) CHECK(int8 != fp32);
    // The portable loops take minutes over the largest networks; what they compute shows in the others.
    constexpr std::int64_t portable_macs = 4'200'000'000;
    const bool large = Program::compile(model.graph)->macs() > portable_macs;
    for (const Isa isa : available_isas())
      for (const int threads : {1, 2}) {
        if (large && isa == Isa::scalar) continue;
        // The portable FP32 path calls fmaf for each product: once is enough for the large networks.
        INFO(entry.model << " on " << to_string(isa) << " with " << threads << " threads");
        CHECK(run_hash(quantized, isa, true, threads) == int8);
        if (isa != Isa::scalar || threads == 2) CHECK(run_hash(model.graph, isa, false, threads) == fp32);
      }
    std::cout << "same bits  " << entry.model << (large ? " (vector instruction sets)" : "") << "  INT8 "
              << std::hex << int8 << "  FP32 " << fp32 << std::dec << "\n";
  }
  CHECK(!done.empty());
}
