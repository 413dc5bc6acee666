#include "engine/graph/graph.h"

#include "engine/core/error.h"
#include "engine/ops/movement.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

namespace {

/// input a -> x -> b -> y -> c, with c the output.
struct Chain {
  Graph graph;
  ValueId a, b, c;
  NodeId x, y;

  Chain() {
    a = graph.add_input("a", DType::f32, {1, 2});
    b = value("b");
    x = graph.add_node(node("x", {a}, {b}));
    c = value("c");
    y = graph.add_node(node("y", {b}, {c}));
    graph.outputs = {c};
  }
  ValueId value(const char* name) {
    Value v;
    v.name = name;
    v.shape = {1, 2};
    return graph.add_value(std::move(v));
  }
  static Node node(const char* name, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
    Node n;
    n.name = name;
    n.op = "Reshape";
    n.inputs = std::move(inputs);
    n.outputs = std::move(outputs);
    return n;
  }
};

}  // namespace

TEST_CASE("nodes keep their topological order", "[graph]") {
  Chain chain;
  CHECK(chain.graph.order() == std::vector<NodeId>{chain.x, chain.y});
  const ValueId d = chain.value("d");
  const NodeId z = chain.graph.insert_node_before(chain.y, Chain::node("z", {chain.b}, {d}));
  CHECK(chain.graph.order() == std::vector<NodeId>{chain.x, z, chain.y});
  CHECK(chain.graph.consumers(chain.b) == std::vector<NodeId>{z, chain.y});
  CHECK(chain.graph.producer(d)->name == "z");
  CHECK(chain.graph.producer(chain.a) == nullptr);
  chain.graph.verify();
}

TEST_CASE("a reader of the same value twice counts once", "[graph]") {
  Chain chain;
  const ValueId d = chain.value("d");
  chain.graph.add_node(Chain::node("z", {chain.c, chain.c}, {d}));
  CHECK(chain.graph.consumers(chain.c).size() == 1);
}

TEST_CASE("replacing uses redirects nodes and outputs", "[graph]") {
  Chain chain;
  chain.graph.replace_uses(chain.c, chain.b);
  CHECK(chain.graph.outputs == std::vector<ValueId>{chain.b});
  chain.graph.replace_uses(chain.b, chain.a);
  CHECK(chain.graph.node(chain.y).inputs == std::vector<ValueId>{chain.a});
  CHECK(chain.graph.is_output(chain.a));
}

TEST_CASE("references stay valid while values and nodes are added", "[graph]") {
  Chain chain;
  const Value* const value = &chain.graph.value(chain.a);
  const Node* const node = &chain.graph.node(chain.x);
  ValueId last = chain.c;
  for (int i = 0; i < 100; ++i) {
    const ValueId next = chain.value("more");
    chain.graph.add_node(chain.node("next", {last}, {next}));
    last = next;
  }
  CHECK(&chain.graph.value(chain.a) == value);
  CHECK(&chain.graph.node(chain.x) == node);
}

TEST_CASE("erased nodes leave order, readers and names", "[graph]") {
  Chain chain;
  chain.graph.replace_uses(chain.c, chain.b);
  chain.graph.erase(chain.y);
  CHECK(chain.graph.order() == std::vector<NodeId>{chain.x});
  CHECK(chain.graph.consumers(chain.b).empty());
  CHECK(chain.graph.find_value("c") == kNone);
  CHECK(chain.graph.find_value("b") == chain.b);
  chain.graph.verify();
  // The value is free for another producer.
  chain.graph.add_node(Chain::node("again", {chain.b}, {chain.c}));
  CHECK(chain.graph.find_value("c") == chain.c);
}

TEST_CASE("values take the element type that they have while running", "[graph]") {
  Graph graph;
  CHECK(graph.value(graph.add_input("h", DType::f16, {1})).dtype == DType::f32);
  const std::vector<std::byte> bytes(2);
  CHECK(graph.value(graph.add_constant("c", Constant(DType::f16, {1}, bytes, nullptr))).dtype == DType::f32);
  CHECK(graph.value(graph.add_input("i", DType::i64, {1})).dtype == DType::i64);
}

TEST_CASE("verify names the node of a broken graph", "[graph]") {
  SECTION("input that nothing produces") {
    Chain chain;
    chain.graph.node(chain.y).inputs = {chain.value("loose")};
    CHECK_THROWS_WITH(chain.graph.verify(),
                      refcalib_test::Contains("layer 'y'") && refcalib_test::Contains("'loose'"));
  }
  SECTION("wrong order") {
    Chain chain;
    chain.graph.node(chain.x).inputs = {chain.c};
    CHECK_THROWS_WITH(chain.graph.verify(), refcalib_test::Contains("layer 'x'"));
  }
  SECTION("empty dimension") {
    Chain chain;
    chain.graph.value(chain.b).shape = {1, 0};
    CHECK_THROWS_WITH(chain.graph.verify(), refcalib_test::Contains("layer 'b'"));
  }
  SECTION("output that nothing produces") {
    Chain chain;
    chain.graph.outputs.push_back(chain.value("loose"));
    CHECK_THROWS_WITH(chain.graph.verify(), refcalib_test::Contains("network output"));
  }
  SECTION("produced twice") {
    Chain chain;
    CHECK_THROWS_AS(chain.graph.add_node(Chain::node("z", {chain.a}, {chain.c})), Error);
  }
  SECTION("value that does not exist") {
    Chain chain;
    CHECK_THROWS_AS(chain.graph.add_node(Chain::node("z", {99}, {})), Error);
  }
}
