#include "tests/ops/random_network.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

TEST_CASE("nodes that no output depends on are erased, whole chains of them", "[eliminate_dead]") {
  Start s;
  const ValueId a = add_activation(s.b, "a", s.conv, "abs");
  add_eltwise(s.b, "b", "add", a, s.input);
  s.b.output(s.conv);
  const Graph result = after(s.b.finish(), eliminate_dead);
  CHECK(ops_of(result) == "Convolution");
  CHECK(result.consumers(s.conv).empty());
  CHECK(result.find_value("a") == kNone);
}

TEST_CASE("a node with one output in use stays, and so does all in front of it", "[eliminate_dead]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 4, 3, 3});
  const ValueId abs = add_activation(b, "abs", x, "abs");
  const std::vector<ValueId> parts =
      b.add("Split", "split", Attributes::of(SplitAttributes{1, {1, 3}}), {abs}, 2);
  add_activation(b, "dead", parts[0], "relu");
  b.output(parts[1]);
  CHECK(ops_of(after(b.finish(), eliminate_dead)) == "Activation Split");
}

TEST_CASE("inputs stay inputs and constants stay, though nothing reads them", "[eliminate_dead]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {2});
  const ValueId unused = b.input("unused", DType::f32, {3});
  const ValueId k = b.constant("k", Constant::f32({2}, {1, 2}));
  add_eltwise(b, "dead", "add", x, k);
  b.output(x);
  const Graph result = after(b.finish(), eliminate_dead);
  CHECK(result.order().empty());
  CHECK(result.inputs == std::vector<ValueId>{x, unused});
  CHECK(result.outputs == std::vector<ValueId>{x});
  CHECK(result.value(k).constant);
}

TEST_CASE("only what outputs depend on survives in random networks", "[eliminate_dead]") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    const Graph graph = RandomNetwork(seed).graph;
    const Graph result = after(graph, eliminate_dead);
    // Naive: spread from the outputs until nothing is added.
    std::vector<bool> needed(graph.value_count(), false);
    for (const ValueId id : graph.outputs) needed[id] = true;
    for (bool grown = true; grown;) {
      grown = false;
      for (const NodeId id : graph.order())
        for (const ValueId out : graph.node(id).outputs)
          for (const ValueId in : graph.node(id).inputs)
            if (needed[out] && !needed[in]) needed[in] = grown = true;
    }
    std::vector<NodeId> expected;
    for (const NodeId id : graph.order())
      if (needed[graph.node(id).outputs.front()]) expected.push_back(id);
    CHECK(result.order() == expected);
    CHECK(result.outputs == graph.outputs);
    CHECK(after(result, eliminate_dead).order() == expected);
  }
}
