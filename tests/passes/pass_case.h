#pragma once

#include "engine/passes/passes.h"
#include "tests/ops/reference.h"

/// Before and after a pass.
namespace refcalib_test {

/// The outputs of a graph in float when nothing in it is fused: every value is given out, which forbids it.
inline Outputs unfused(Graph graph, const std::vector<Tensor>& inputs) {
  const std::size_t count = graph.outputs.size();
  for (const NodeId id : graph.order())
    for (const ValueId out : graph.node(id).outputs)
      if (!graph.is_output(out)) graph.outputs.push_back(out);
  Outputs outputs = run(graph, inputs, options_for(Isa::scalar));
  outputs.resize(count);
  return outputs;
}

inline Graph after(Graph graph, void (*pass)(Graph&)) {
  pass(graph);
  graph.verify();
  return graph;
}

/// Applies a pass and checks the operations that it leaves, that it keeps names and shapes of the outputs, that
/// applying it twice is applying it once, and that the results agree up to `tolerance` (0: bits).
inline Graph check_pass(const Graph& graph, void (*pass)(Graph&), const std::vector<Tensor>& inputs,
                        const std::string& ops, double tolerance = 1e-5) {
  const Graph result = after(graph, pass);
  CHECK(ops_of(result) == ops);
  CHECK(ops_of(after(result, pass)) == ops);
  REQUIRE(result.outputs.size() == graph.outputs.size());
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    CHECK(result.value(result.outputs[i]).name == graph.value(graph.outputs[i]).name);
    CHECK(result.value(result.outputs[i]).shape == graph.value(graph.outputs[i]).shape);
  }
  const Outputs expected = unfused(graph, inputs), actual = run_everywhere(result, inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(deviation(actual[i], expected[i]) <= tolerance);
  return result;
}

/// x [1, 4, 5, 5] and a 3x3 convolution of it to `channels`, the start of most cases.
struct Start {
  explicit Start(std::int64_t channels = 4, bool bias = true)
      : x(random_tensor({1, 4, 5, 5}, 1)), w(random_tensor({1, channels, 4, 3, 3}, 2, -1, 1)) {
    input = b.input("x", DType::f32, x.shape);
    conv =
        add_convolution(b, "conv", input, w, bias ? random_tensor({channels}, 3).data : std::vector<float>{},
                        convolution(2, 1, 1));
  }
  ValueId constant(const std::string& name, const Shape& shape, std::uint64_t seed, float low = -2,
                   float high = 2) {
    return b.constant(name, constant_of(random_tensor(shape, seed, low, high)));
  }

  GraphBuilder b;
  Tensor x, w;
  ValueId input, conv;
};

}  // namespace refcalib_test
