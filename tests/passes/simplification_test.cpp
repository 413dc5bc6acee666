#include "engine/graph/print.h"
#include "tests/ops/random_network.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

Graph simplified(Graph graph) {
  run_passes(graph, simplification_passes());
  return graph;
}

}  // namespace

TEST_CASE("simplifying twice is simplifying once", "[simplification]") {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    INFO("seed " << seed);
    const RandomNetwork network(seed,
                                {.layers = static_cast<int>(4 + seed % 14), .fake_quantize = seed % 3 != 0});
    const Graph once = simplified(network.graph);
    REQUIRE(to_text(simplified(once)) == to_text(once));
  }
}

TEST_CASE("a simplified network computes what the network computes", "[simplification]") {
  std::size_t fused = 0;
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    INFO("seed " << seed);
    const RandomNetwork network(seed, {.layers = static_cast<int>(4 + seed % 14)});
    const Graph result = simplified(network.graph);
    REQUIRE(result.outputs.size() == network.graph.outputs.size());
    for (std::size_t i = 0; i < result.outputs.size(); ++i) {
      CHECK(result.value(result.outputs[i]).name == network.graph.value(network.graph.outputs[i]).name);
      CHECK(result.value(result.outputs[i]).shape == network.graph.value(network.graph.outputs[i]).shape);
    }
    fused += result.order().size() < network.graph.order().size();
    const Outputs expected = unfused(network.graph, network.inputs);
    const Outputs actual = run(result, network.inputs, options_for(Isa::scalar));
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(deviation(actual[i], expected[i]) <= 2e-5);
  }
  CHECK(fused > 60);
}
