#include <set>

#include "engine/passes/quantization_groups.h"
#include "tests/ops/random_network.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

/// Simplified, with ranges on most values; the rest stays in float.
Graph with_ranges(Graph graph, std::uint64_t seed) {
  run_passes(graph, simplification_passes());
  Random random(seed);
  for (ValueId id = 0; id < graph.value_count(); ++id) {
    if (graph.value(id).constant || random.integer(0, 7) == 0) continue;
    const float high = random.real(2, 6);
    graph.value(id).quantization =
        activation_quantization({{random.integer(0, 2) == 0 ? 0.0F : -high, high}}, 256);
  }
  for (const NodeId id : graph.order())
    if (random.integer(0, 9) == 0) graph.node(id).hint = PrecisionHint::keep_float;
  return graph;
}

bool is_integer(const Graph& graph, ValueId id) {
  return graph.value(id).dtype == DType::u8;
}

bool converts_order(const std::string& op) {
  return op == "Reorder" || op == "Reinterpret";
}

/// True if a node that computes on integers reads the value, directly or in another memory order.
bool has_integer_reader(const Graph& graph, ValueId id) {
  for (const NodeId reader : graph.consumers(id)) {
    const Node& node = graph.node(reader);
    if (node.op == "Dequantize") continue;
    if (!converts_order(node.op) || has_integer_reader(graph, node.outputs.front())) return true;
  }
  return false;
}

/// Every channel of a concatenation means what it means in the input that it comes from.
void check_concatenation(const Graph& graph, const Node& node) {
  const Quantization& out = *graph.value(node.outputs[0]).quantization;
  if (!out.per_channel()) {
    for (const ValueId id : node.inputs) CHECK(graph.value(id).quantization == out);
    return;
  }
  std::size_t channel = 0;
  for (const ValueId id : node.inputs) {
    const Quantization& in = *graph.value(id).quantization;
    for (std::size_t c = 0; c < static_cast<std::size_t>(graph.value(id).shape[1]); ++c, ++channel) {
      CHECK(out.scale[channel] == in.scale[in.per_channel() ? c : 0]);
      CHECK(out.zero_point_of(channel) == in.zero_point_of(c));
    }
  }
  CHECK(channel == out.scale.size());
}

void check_node(const Graph& graph, const Node& node) {
  INFO(node.op << " '" << node.name << "'");
  const QuantizationRule rule = op_record(node.op).rule;
  const bool in = is_integer(graph, node.inputs[0]), out = is_integer(graph, node.outputs[0]);
  if (node.op == "Quantize") {
    CHECK((!in && out));
  } else if (node.op == "Dequantize") {
    CHECK((in && !out));
  } else if (converts_order(node.op)) {
    CHECK(in == out);
  } else if (rule == QuantizationRule::weighted) {
    if (node.hint == PrecisionHint::keep_float) CHECK_FALSE(in);
    if (in) CHECK(graph.value(node.inputs[1]).quantization);
  } else {
    CHECK(in == out);
    if (in) CHECK(rule != QuantizationRule::none);
    if (in) CHECK(node.hint != PrecisionHint::keep_float);
    for (const ValueId id : node.inputs)
      if (!graph.value(id).constant) CHECK(is_integer(graph, id) == in);
  }
  if (rule == QuantizationRule::unify && in) check_concatenation(graph, node);
}

void check_values(const Graph& graph) {
  for (const NodeId id : graph.order())
    for (const ValueId out : graph.node(id).outputs) {
      INFO("value '" << graph.value(out).name << "'");
      if (!is_integer(graph, out)) continue;
      CHECK(graph.value(out).quantization);
      // What the model rounds is stored so, whoever reads it.
      CHECK((has_integer_reader(graph, out) || graph.value(out).fake_quantized));
    }
  for (const ValueId out : graph.outputs) {
    CHECK_FALSE(is_integer(graph, out));
    CHECK(graph.value(out).layout == Layout::plain);
  }
}

/// Each value is converted at most once in each way, and there and back only if the model rounds it.
void check_conversions(const Graph& graph) {
  std::set<std::pair<ValueId, std::string>> seen;
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (node.op != "Quantize" && node.op != "Dequantize" && !converts_order(node.op)) continue;
    INFO(node.op << " '" << node.name << "'");
    CHECK(seen.emplace(node.inputs[0], converts_order(node.op) ? "order" : node.op).second);
    const Node* const before = graph.producer(node.inputs[0]);
    if (before == nullptr) continue;
    if (node.op == "Quantize") CHECK(before->op != "Dequantize");
    if (node.op == "Dequantize")
      CHECK((before->op != "Quantize" || graph.value(node.inputs[0]).fake_quantized));
    if (converts_order(node.op)) CHECK_FALSE(converts_order(before->op));
  }
}

}  // namespace

TEST_CASE("lowering stores integers only between nodes that compute on them and converts once",
          "[lowering]") {
  std::size_t integers = 0, conversions = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    INFO("seed " << seed);
    Graph graph = with_ranges(
        RandomNetwork(seed, {.layers = static_cast<int>(4 + seed % 14), .fake_quantize = seed % 4 == 0})
            .graph,
        seed);
    const std::vector<ValueId> outputs = graph.outputs;
    run_passes(graph, lowering_passes(true));
    for (const NodeId id : graph.order()) {
      check_node(graph, graph.node(id));
      integers += is_integer(graph, graph.node(id).outputs[0]);
      conversions += graph.node(id).op == "Quantize" || graph.node(id).op == "Dequantize";
    }
    check_values(graph);
    check_conversions(graph);
  }
  CHECK(integers > 1000);
  CHECK(conversions > 500);
}

TEST_CASE("a network lowered to float holds no integers", "[lowering]") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Graph graph = with_ranges(RandomNetwork(seed).graph, seed);
    run_passes(graph, lowering_passes(false));
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      CHECK_FALSE(graph.value(id).quantization);
      if (!graph.value(id).constant) CHECK(graph.value(id).dtype == DType::f32);
    }
    check_conversions(graph);
  }
}

TEST_CASE("lowered networks give the same bits everywhere, near to those of float", "[lowering]") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    const RandomNetwork network(seed, {.layers = static_cast<int>(4 + seed % 14)});
    // The ranges come from what the values are, so that integers lose little.
    Graph graph = network.graph;
    run_passes(graph, simplification_passes());
    Session session(Program::compile(graph, options_for(Isa::scalar)), 1);
    feed(session, network.inputs);
    Recorder seen;
    session.run(seen);
    for (ValueId id = 0; id < graph.value_count(); ++id) {
      if (graph.value(id).constant || !seen.has(graph.value(id).name)) continue;
      QuantizationRange range;
      for (const float v : seen.at(graph.value(id).name)) range = widest(range, {v, v});
      graph.value(id).quantization = activation_quantization({range}, 256);
    }
    const Outputs expected = outputs_of(session), actual = run_everywhere(graph, network.inputs, true);
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(deviation(actual[i], expected[i]) < 0.25);
  }
}
