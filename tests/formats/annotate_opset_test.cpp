#include <map>
#include <set>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/graph/print.h"
#include "engine/ops/eltwise.h"
#include "tests/formats/annotation.h"
#include "tests/formats/one_layer.h"
#include "tests/formats/samples.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

ir::Annotation sample_annotation() {
  ir::Annotation a;
  a.activations.push_back({"x", {{-1, 127.0f / 128.0f}}, 256, {}, {}});
  a.activations.push_back({"b1", {{0, 1}, {0, 2}, {0, 3}, {0, 4}}, 256, {}, {}});
  a.activations.push_back({"g1", {{0, 6}}, 256, {}, {}});
  a.weights.push_back({"c1", {{-1, 1}, {-0.1f, 0.1f}, {0, 0}, {-3, 3}}, 255, {}});
  a.weights.push_back({"g1", {{-1, 1}, {-2, 2}, {-3, 3}, {-4, 4}}, 255, {}});
  return a;
}

ir::Document sample() {
  const StoredModel model(opset_sample(), opset_weights());
  return ir::read_document(model.xml);
}

const ir::Layer* find(const ir::Document& d, const std::string& name) {
  for (const ir::Layer& layer : d.layers)
    if (layer.name == name) return &layer;
  return nullptr;
}

/// The layer that feeds an input.
std::string source_of(const ir::Document& d, const std::string& name, int port) {
  const int id = find(d, name)->id;
  for (const ir::Edge& edge : d.edges)
    if (edge.to_layer == id && edge.to_port == port)
      for (const ir::Layer& layer : d.layers)
        if (layer.id == edge.from_layer) return layer.name;
  return "nothing";
}

std::vector<float> limits(const Graph& g, const std::string& node, std::size_t input) {
  return input_floats(g, node_named(g, node), input);
}

/// The document's own rules: declared shapes fit on both ends of every edge.
void check_declared_shapes(const ir::Document& d) {
  std::map<std::pair<int, int>, Shape> outputs;
  for (const ir::Layer& layer : d.layers)
    for (const ir::Port& port : layer.outputs) outputs[{layer.id, port.id}] = port.dims;
  std::map<std::pair<int, int>, Shape> inputs;
  for (const ir::Layer& layer : d.layers)
    for (const ir::Port& port : layer.inputs) inputs[{layer.id, port.id}] = port.dims;
  for (const ir::Edge& edge : d.edges) {
    CAPTURE(edge.from_layer, edge.to_layer);
    CHECK(outputs.at({edge.from_layer, edge.from_port}) == inputs.at({edge.to_layer, edge.to_port}));
  }
}

}  // namespace

TEST_CASE("an opset annotation puts FakeQuantize on values and weights", "[annotate]") {
  const ir::Document annotated = ir::annotate(sample(), sample_annotation());
  ir::check_document(annotated);
  check_declared_shapes(annotated);
  CHECK(source_of(annotated, "c1", 0) == "x/fq");
  CHECK(source_of(annotated, "c1", 1) == "c1/weights_fq");
  // Compressed constants keep their conversion in front.
  CHECK(source_of(annotated, "c1/weights_fq", 0) == "w");
  CHECK(source_of(annotated, "g1", 0) == "b1/fq");
  CHECK(source_of(annotated, "g1", 1) == "g1/weights_groups");
  CHECK(source_of(annotated, "g1/weights_groups", 0) == "g1/weights_fq");
  // The result keeps the float value.
  CHECK(source_of(annotated, "g1/sink", 0) == "g1");
  CHECK(find(annotated, "g1/fq") == nullptr);
  CHECK(find(annotated, "gw") == nullptr);
  const Graph g = ir::to_graph(annotated);
  CHECK(g.value(node_named(g, "c1/weights_fq").inputs[1]).shape == Shape{4, 1, 1, 1});
  CHECK(g.value(node_named(g, "g1/weights_fq").inputs[0]).shape == Shape{4, 1, 3, 3});
  CHECK(g.value(node_named(g, "g1").inputs[1]).shape == Shape{4, 1, 1, 3, 3});
  CHECK(g.value(node_named(g, "b1/fq").inputs[1]).shape == Shape{1, 4, 1, 1});
  CHECK(g.value(node_named(g, "x/fq").inputs[1]).shape.empty());
  CHECK(limits(g, "x/fq", 1) == std::vector<float>{-1});
  CHECK(limits(g, "x/fq", 4) == std::vector<float>{127.0f / 128.0f});
  // A filter of zeros gets the limits of scale 1.
  CHECK(limits(g, "c1/weights_fq", 2) == std::vector<float>{1, 0.1f, 127, 3});
  CHECK(limits(g, "c1/weights_fq", 3) == std::vector<float>{-1, -0.1f, -127, -3});
  CHECK(node_named(g, "c1/weights_fq").attributes.as<FakeQuantizeAttributes>().levels == 255);
  CHECK(limits(g, "g1/weights_fq", 0) == ramp(36));
  CHECK(g.value(g.outputs[0]).name == "g1");
}

TEST_CASE("ids and names of an annotated file are unique", "[annotate]") {
  ir::Document d = sample();
  d.layers[0].id = 4000;
  for (ir::Edge& edge : d.edges)
    if (edge.from_layer == 0) edge.from_layer = 4000;
  const_cast<ir::Layer*>(find(d, "bias"))->name = "x/fq";  // taken by a layer of the model
  const ir::Document annotated = ir::annotate(d, sample_annotation());
  ir::check_document(annotated);
  CHECK(find(annotated, "x/fq_2") != nullptr);
  int fresh = 4001;
  std::set<int> ids;
  for (const ir::Layer& layer : annotated.layers) ids.insert(layer.id);
  for (const int id : ids)
    if (id > 4000) CHECK(id <= fresh++ + 16);
}

TEST_CASE("what is written is what runs", "[annotate]") {
  const StoredModel model(opset_sample(), opset_weights());
  for (const bool with_bias : {false, true}) {
    const ir::Document d = ir::read_document(model.xml);
    const ir::Document annotated = ir::annotate(d, annotate_everything(ir::to_graph(d), with_bias));
    const auto out = model.folder.path() / "out.xml";
    ir::write_document(annotated, out);
    CHECK((to_text(ir::read_graph(out)) == to_text(ir::to_graph(annotated))));
    // Earlier bytes stay where they were.
    CHECK(read_file(model.folder.path() / "out.bin").substr(0, opset_weights().size()) == opset_weights());
  }
}

TEST_CASE("annotating again replaces the FakeQuantize layers", "[annotate]") {
  const ir::Document d = sample();
  const ir::Document once = ir::annotate(d, sample_annotation());
  const ir::Document twice = ir::annotate(once, sample_annotation());
  CHECK(twice.layers.size() == once.layers.size());
  CHECK((to_text(ir::to_graph(twice)) == to_text(ir::to_graph(once))));
  const Graph bare = ir::to_graph(ir::annotate(once, {}));
  for (const NodeId id : bare.order()) CHECK(bare.node(id).op != "FakeQuantize");
}

TEST_CASE("a corrected bias replaces the constant of the addition", "[annotate]") {
  ir::Annotation a;
  a.weights.push_back({"c1", {}, 255, {1, 2, 3, 4}});
  const ir::Document annotated = ir::annotate(sample(), a);
  ir::check_document(annotated);
  check_declared_shapes(annotated);
  const Graph g = ir::to_graph(annotated);
  CHECK(input_floats(g, node_named(g, "b1"), 1) == std::vector<float>{1, 2, 3, 4});
  CHECK(find(annotated, "bias") == nullptr);
}

TEST_CASE("a layer without bias gets an addition when one is corrected", "[annotate]") {
  ir::Annotation a;
  a.weights.push_back({"g1", {}, 255, {1, 2, 3, 4}});
  const ir::Document annotated = ir::annotate(sample(), a);
  check_declared_shapes(annotated);
  const Graph g = ir::to_graph(annotated);
  const Node& add = node_named(g, "g1/bias_add");
  CHECK(input_floats(g, add, 1) == std::vector<float>{1, 2, 3, 4});
  CHECK(g.outputs[0] == add.outputs[0]);
}

TEST_CASE("layers kept in float get no FakeQuantize on their weights", "[annotate]") {
  ir::Annotation a = sample_annotation();
  a.keep_float = {"c1"};
  const ir::Document annotated = ir::annotate(sample(), a);
  CHECK(source_of(annotated, "c1", 1) == "w");
  CHECK(source_of(annotated, "g1", 1) == "g1/weights_groups");
}

TEST_CASE("matrix products are quantized by output", "[annotate]") {
  for (const bool transposed : {true, false}) {
    const Shape shape = transposed ? Shape{4, 3} : Shape{3, 4};
    const ir::Document d = OneLayer(10, "MatMul", {{"transpose_b", transposed ? "true" : "false"}})
                               .input({1, 3})
                               .constant<float>(shape, ramp(12))
                               .document();
    ir::Annotation a;
    a.weights.push_back({"y", {{-1, 1}, {-2, 2}, {-3, 3}, {-4, 4}}, 255, {}});
    const Graph g = ir::to_graph(ir::annotate(d, a));
    CHECK(g.value(node_named(g, "y/weights_fq").inputs[2]).shape == (transposed ? Shape{4, 1} : Shape{1, 4}));
  }
}

TEST_CASE("half-precision files get half limits with an exact zero point", "[annotate]") {
  ir::Document d = OneLayer(10, "ReLU", {}).input({1, 2, 3, 3}).document();
  for (ir::Layer& layer : d.layers) {
    if (layer.type == "Parameter") layer.set_attribute("element_type", "f16");
    for (ir::Port& port : layer.inputs) port.precision = "FP16";
    for (ir::Port& port : layer.outputs) port.precision = "FP16";
  }
  for (int i = 1; i < 60; ++i) {
    const float high = 0.0371f * static_cast<float>(i);
    for (const float ratio : {128.0f / 127.0f, 0.3f, 2.5f, 0.0f}) {
      const QuantizationRange range = {-high * ratio, high};
      ir::Annotation a;
      a.activations.push_back({"x0", {range}, 256, {}, {}});
      const ir::Document annotated = ir::annotate(d, a);
      CHECK(find(annotated, "x0/fq/input_low")->outputs[0].precision == "FP16");
      const Graph g = ir::to_graph(annotated);
      const float low_limit = limits(g, "x0/fq", 1)[0];
      const float high_limit = limits(g, "x0/fq", 2)[0];
      CHECK(low_limit == Approx(range.low).epsilon(0.03));
      CHECK(high_limit == Approx(range.high).epsilon(0.03));
      const double zero = -static_cast<double>(low_limit) * 255 /
                          (static_cast<double>(high_limit) - static_cast<double>(low_limit));
      const Quantization wanted = activation_quantization({range}, 256);
      CHECK(std::abs(zero - wanted.zero_point) < 0.02);
      if (ratio == 0.0f) CHECK(zero == 0.0);
    }
  }
}

TEST_CASE("outputs of a split are found by their number", "[annotate]") {
  const ir::Document d = OneLayer(10, "Split", {{"num_splits", "2"}})
                             .input({1, 6})
                             .ints({1})
                             .output({1, 3})
                             .output({1, 3})
                             .document();
  ir::Annotation a;
  a.activations.push_back({"y.1", {{0, 1}}, 256, {}, {}});
  // Only a Result reads it: nothing is inserted.
  CHECK(ir::annotate(d, a).layers.size() == d.layers.size());
}

TEST_CASE("weights that are no constants are refused with a remedy", "[annotate]") {
  const ir::Document annotated = ir::annotate(sample(), sample_annotation());
  ir::Document foreign = annotated;
  for (ir::Layer& layer : foreign.layers)
    if (layer.name == "c1/weights_fq") layer.name = "somebody's FakeQuantize";
  CHECK_THROWS_AS(ir::annotate(foreign, sample_annotation()), Error);
  ir::Annotation unknown;
  unknown.activations.push_back({"nobody", {{0, 1}}, 256, {}, {}});
  CHECK_THROWS_AS(ir::annotate(sample(), unknown), UsageError);
}

TEST_CASE("convolutions take the scales that stored integers state", "[formats][annotate]") {
  ir::Annotation annotation = sample_annotation();
  // Wider than the weights, so that no integer reaches 127 and the largest one does not tell the scale.
  annotation.weights = {{"c1", {{-40, 40}, {-50, 50}, {-60, 60}, {-70, 70}}, 255, {}},
                        {"g1", {{-100, 100}, {-200, 200}, {-300, 300}, {-400, 400}}, 255, {}}};
  const Graph graph = ir::to_graph(ir::compress_weights(ir::annotate(sample(), annotation)));
  for (const ir::Annotation::Weights& weights : annotation.weights) {
    INFO(weights.layer);
    const auto& quantization = graph.value(node_named(graph, weights.layer).inputs[1]).quantization;
    REQUIRE(quantization);
    REQUIRE(quantization->scale.size() == weights.range.size());
    for (std::size_t c = 0; c < weights.range.size(); ++c)
      CHECK(quantization->scale[c] == weights.range[c].high / 127.0F);
  }
}
