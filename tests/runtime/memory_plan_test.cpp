#include "engine/runtime/memory_plan.h"

#include "engine/passes/passes.h"
#include "tests/ops/random_network.h"

using namespace refcalib_test;

namespace {

constexpr std::size_t kAlignment = 64;

/// When the memory of a value holds something: from the step that writes it to the last that reads it.
struct Lifetime {
  ValueId id = kNone;
  std::size_t first = 0, last = 0;
};

std::size_t bytes_of(const Value& value) {
  return static_cast<std::size_t>(element_count(value.shape)) * size_of(value.dtype);
}

std::size_t rounded(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

/// Lifetimes of all run-time values, by the definition; network inputs and outputs live from the beginning or to the end.
std::vector<Lifetime> lifetimes(const Graph& graph) {
  const std::vector<NodeId> order = graph.order();
  std::map<ValueId, Lifetime> found;
  const auto touch = [&](ValueId id, std::size_t time) {
    if (graph.value(id).constant) return;
    Lifetime& life = found.try_emplace(id, Lifetime{id, time, time}).first->second;
    life.first = std::min(life.first, time);
    life.last = std::max(life.last, time);
  };
  for (const ValueId id : graph.inputs) touch(id, 0), touch(id, order.size() + 1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const ValueId id : graph.node(order[i]).inputs) touch(id, i + 1);
    for (const ValueId id : graph.node(order[i]).outputs) touch(id, i + 1);
  }
  for (const ValueId id : graph.outputs) touch(id, order.size() + 1);
  std::vector<Lifetime> all;
  for (const auto& [id, life] : found) all.push_back(life);
  return all;
}

/// A graph whose values begin and end at random: each node reads some earlier values. Plain order, nothing is viewed or sliced.
Graph random_lifetimes(std::uint64_t seed) {
  Random random(seed);
  GraphBuilder b;
  std::vector<ValueId> values{b.input("x", DType::f32, {random.integer(1, 40), random.integer(1, 40)})};
  for (std::int64_t i = random.integer(1, 40); i > 0; --i) {
    const ValueId x =
        values[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(values.size()) - 1))];
    const Shape shape = b.graph().value(x).shape;
    const std::string name = "n" + std::to_string(i);
    if (random.integer(0, 1) == 0) {
      const Tensor w = random_tensor({shape[1], random.integer(1, 60)}, random.bits());
      values.push_back(
          b.add1("MatMul", name, Attributes::of(MatMulAttributes{}), {x, b.constant("w", constant_of(w))}));
    } else {
      values.push_back(add_activation(b, name, x, "sigmoid"));
    }
  }
  for (std::int64_t i = random.integer(1, 3); i > 0; --i)
    b.output(
        values[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(values.size()) - 1))]);
  return b.finish();
}

void check_same(const MemoryPlan& a, const MemoryPlan& b) {
  CHECK(a.arena_bytes == b.arena_bytes);
  REQUIRE(a.places.size() == b.places.size());
  for (std::size_t i = 0; i < a.places.size(); ++i) {
    CHECK(a.places[i].offset == b.places[i].offset);
    CHECK(a.places[i].used == b.places[i].used);
  }
}

}  // namespace

TEST_CASE("values that live at one time have memory of their own", "[memory_plan]") {
  std::size_t shared = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    const Graph graph = random_lifetimes(seed);
    const std::vector<Lifetime> all = lifetimes(graph);
    const MemoryPlan plan = plan_memory(graph, true);
    std::size_t sum = 0, at_once = 0;
    bool apart = true, aligned = true, inside = true;
    for (const Lifetime& a : all) {
      const std::size_t begin = plan.places[a.id].offset;
      // Kernels may read up to 64 bytes behind a tensor; nothing there needs to be kept from them but the end of the arena.
      const std::size_t end = begin + bytes_of(graph.value(a.id));
      REQUIRE(plan.places[a.id].used);
      aligned = aligned && begin % kAlignment == 0;
      inside = inside && end + kAlignment <= plan.arena_bytes;
      sum += rounded(bytes_of(graph.value(a.id)) + kAlignment);
      std::size_t together = 0;
      for (const Lifetime& b : all) {
        if (b.first <= a.first && a.first <= b.last) together += bytes_of(graph.value(b.id));
        if (b.id == a.id || a.first > b.last || b.first > a.last) continue;
        const std::size_t other = plan.places[b.id].offset;
        apart = apart && (other >= end || other + bytes_of(graph.value(b.id)) <= begin);
      }
      at_once = std::max(at_once, together);
    }
    CHECK(apart);
    CHECK(aligned);
    CHECK(inside);
    CHECK(plan.arena_bytes <= sum);
    CHECK(plan.arena_bytes >= at_once);
    shared += plan.arena_bytes < sum;
    check_same(plan, plan_memory(graph, true));
  }
  CHECK(shared > 150);
}

TEST_CASE("unshared memory keeps every value apart", "[memory_plan]") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Graph graph = random_lifetimes(seed);
    const MemoryPlan plan = plan_memory(graph, false);
    std::size_t sum = 0;
    for (const Lifetime& a : lifetimes(graph)) {
      sum += rounded(bytes_of(graph.value(a.id)) + kAlignment);
      for (const Lifetime& b : lifetimes(graph))
        CHECK((a.id == b.id ||
               plan.places[b.id].offset >= plan.places[a.id].offset + bytes_of(graph.value(a.id)) ||
               plan.places[a.id].offset >= plan.places[b.id].offset + bytes_of(graph.value(b.id))));
    }
    CHECK(plan.arena_bytes == sum);
  }
}

TEST_CASE("constants and values of erased nodes have no memory", "[memory_plan]") {
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {4});
  const ValueId k = b.constant("k", Constant::f32({4}, {1, 2, 3, 4}));
  const ValueId dead = add_eltwise(b, "dead", "add", x, k), y = add_activation(b, "y", x, "tanh");
  b.output(y);
  Graph graph = b.finish();
  eliminate_dead(graph);
  const MemoryPlan plan = plan_memory(graph, true);
  CHECK_FALSE(plan.places[k].used);
  CHECK_FALSE(plan.places[dead].used);
  CHECK(plan.places[x].used);
  CHECK(plan.places[y].used);
}

TEST_CASE("what a concatenation joins under another shape is written in its place", "[memory_plan]") {
  // As detection networks join the answers of their scales. The part that is joined twice, and the network's output, are copied once.
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 2, 3, 4});
  const auto flat = [&](const std::string& name, ValueId id) {
    const ValueId rows = b.add1("Reshape", name + "/rows", Attributes::of(ReshapeAttributes{}),
                                {id, b.constant("r", Constant::i64_vector({1, 6, 4}))});
    return b.add1("Reshape", name, Attributes::of(ReshapeAttributes{}),
                  {rows, b.constant("s", Constant::i64_vector({1, 24}))});
  };
  const ValueId p = add_activation(b, "p", x, "abs"), q = add_activation(b, "q", x, "neg");
  const ValueId twice = add_activation(b, "twice", x, "tanh"), out = add_activation(b, "out", x, "sigmoid");
  const ValueId all =
      b.add1("Concat", "all", Attributes::of(ConcatAttributes{1}),
             {flat("fp", p), flat("fq", q), flat("f1", twice), flat("f2", twice), flat("fo", out)});
  b.output(out);
  b.output(add_activation(b, "y", all, "abs"));
  const Graph graph = b.finish();
  const MemoryPlan plan = plan_memory(graph, true);
  const auto offset = [&](ValueId id) { return plan.places[id].offset - plan.places[all].offset; };
  CHECK(offset(p) == 0);
  CHECK(offset(q) == 24 * 4);
  CHECK(offset(twice) == 48 * 4);
  CHECK(offset(out) >= 120 * 4);  // elsewhere, before or behind
}

TEST_CASE("random networks compute the same with shared memory and with memory of their own",
          "[memory_plan]") {
  // Slices of concatenations, views and both precisions; a value that is overwritten too early shows here.
  std::size_t smaller = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    const RandomNetwork network(seed,
                                {.layers = static_cast<int>(6 + seed % 16), .fake_quantize = seed % 2 == 0});
    for (const bool int8 : {false, true}) {
      CompileOptions options = options_for(available_isas().back(), int8);
      const auto shared = Program::compile(network.graph, options);
      options.share_memory = false;
      const auto own = Program::compile(network.graph, options);
      CHECK(shared->arena_bytes() <= own->arena_bytes());
      smaller += shared->arena_bytes() < own->arena_bytes();
      Outputs results[2];
      for (const bool first : {true, false}) {
        Session session(first ? shared : own, 1);
        feed(session, network.inputs);
        session.run();
        session.run();
        results[first] = outputs_of(session);
      }
      for (std::size_t i = 0; i < results[0].size(); ++i) CHECK(same_bytes(results[0][i], results[1][i]));
    }
  }
  CHECK(smaller > 200);
}
