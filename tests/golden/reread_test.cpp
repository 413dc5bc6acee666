#include <filesystem>
#include <iostream>

#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/golden/golden_index.h"
#include "tests/golden/networks.h"
#include "tests/golden/random_run.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

/// Share of the multiplications that run on integers. Limits that no engine can execute would leave the network in float.
double integer_share(const Graph& graph, Isa isa) {
  CompileOptions options = default_options();
  options.isa = isa;
  std::int64_t all = 0, integer = 0;
  for (const StepInfo& step : Program::compile(graph, options)->steps()) {
    all += step.macs;
    if (step.precision == "I8") integer += step.macs;
  }
  return static_cast<double>(integer) / static_cast<double>(all);
}

}  // namespace

TEST_CASE("a calibrated model gives the same INT8 outputs after it was written and read back", "[reread]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED: no folder of models (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  const fs::path written = fs::temp_directory_path() / "refcalib_reread_test_i8.xml";
  int models = 0;
  std::string previous;
  for (const GoldenEntry& entry : read_golden_index(shared, REFCALIB_TOPOLOGIES_DIR)) {
    if (entry.precision != "FP32" || !is_compared(entry.model) || entry.model == previous ||
        !fs::exists(entry.xml))
      continue;
    previous = entry.model;
    const Model model = load_model(entry.xml);
    const Isa isa = available_isas().back();
    INFO(entry.model);

    // Unchanged: FP32 outputs stay the same bits.
    ir::write_document(model.document, written);
    CHECK(run_hash(load_model(written).graph, isa, false, 2) == run_hash(model.graph, isa, false, 2));

    // Calibrated: what was measured before writing is what a reader of the file gets.
    const ir::Document document = calibrated(model);
    const std::uint64_t before = run_hash(ir::to_graph(document), isa, true, 2);
    ir::write_document(document, written);
    const Model again = load_model(written);
    CHECK(again.document.version == model.document.version);
    CHECK(run_hash(again.graph, isa, true, 2) == before);
    CHECK(integer_share(again.graph, isa) > 0.5);
    ++models;
    std::cout << "same bits after writing  " << entry.model << "\n";
  }
  fs::remove(written);
  fs::remove(ir::weights_path_of(written));
  CHECK(models > 0);
}
