#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/graph/print.h"
#include "tests/formats/annotation.h"
#include "tests/formats/one_layer.h"
#include "tests/formats/samples.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

ir::Annotation sample_annotation() {
  ir::Annotation a;
  a.activations.push_back({"data", {{-128.0f, 127.0f}}, 256, {-1.0f / 3.0f, -128, 0}, {1e-9f, 127, 5}});
  a.activations.push_back({"r1", {{0, 1.7f}}, 256, {}, {}});
  a.weights.push_back({"c1", {{-1, 1}, {-0.1f, 0.1f}, {0, 0}, {-3, 3}}, 255, {0.1f, 0.2f, 0.3f, 0.4f}});
  return a;
}

const ir::Layer& layer(const ir::Document& d, const std::string& name) {
  for (const ir::Layer& candidate : d.layers)
    if (candidate.name == name) return candidate;
  throw std::runtime_error("no layer " + name);
}

}  // namespace

TEST_CASE("a legacy annotation writes statistics, levels and exact limits", "[annotate]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document annotated = ir::annotate(ir::read_document(model.xml), sample_annotation());
  REQUIRE(annotated.statistics.size() == 2);
  CHECK(annotated.statistics[0].min == std::vector<float>{-1.0f / 3.0f, -128, 0});
  CHECK(annotated.statistics[1].layer == "r1");
  CHECK(annotated.statistics[1].max == std::vector<float>(4, 1.7f));
  CHECK(*layer(annotated, "c1").attribute("quantization_level") == "I8");
  const auto out = model.folder.path() / "out.xml";
  ir::write_document(annotated, out);
  const std::string text = read_file(out);
  CHECK_THAT(text, Contains("<refcalib version=\"1\">"));
  CHECK_THAT(text, Contains("<output levels=\"256\" low=\"0\" high=\"1.70000005\"/>") ||
                       Contains("<output levels=\"256\" low=\"0\" high=\"1.70000005\" />"));
  CHECK_THAT(text, Contains("<min>-0.333333343, -128, 0</min>"));
  CHECK((to_text(ir::read_graph(out)) == to_text(ir::to_graph(annotated))));
}

TEST_CASE("the annotated graph runs by the limits that were asked for", "[annotate]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const Graph g = ir::to_graph(ir::annotate(ir::read_document(model.xml), sample_annotation()));
  CHECK(g.value(g.inputs[0]).quantization == Quantization{{1.0f}, 128, 0, 255});
  CHECK(g.value(g.find_value("r1")).quantization == activation_quantization({{0, 1.7f}}, 256));
  CHECK_FALSE(g.value(g.find_value("c1")).quantization);
  const Node& c1 = node_named(g, "c1");
  CHECK(g.value(c1.inputs[1]).quantization == weight_quantization(sample_annotation().weights[0].range, 255));
  CHECK(input_floats(g, c1, 2) == std::vector<float>{0.1f, 0.2f, 0.3f, 0.4f});
}

TEST_CASE("annotating again replaces what was there", "[annotate]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  ir::Annotation other;
  other.activations.push_back({"r1", {{0, 2}}, 256, {}, {}});
  other.keep_float = {"c1"};
  const ir::Document twice = ir::annotate(ir::annotate(d, sample_annotation()), other);
  CHECK(twice.calibration.size() == 1);
  CHECK(twice.statistics.size() == 1);
  CHECK(*layer(twice, "c1").attribute("quantization_level") == "FP32");
  CHECK((to_text(ir::to_graph(twice)) == to_text(ir::to_graph(ir::annotate(d, other)))));
  CHECK(node_named(ir::to_graph(twice), "c1").hint == PrecisionHint::keep_float);
  CHECK((to_text(ir::to_graph(ir::annotate(twice, {}))) == to_text(ir::to_graph(d))));
}

TEST_CASE("fully connected layers of an annotation are quantized, others stay in float", "[annotate]") {
  const ir::Document d = OneLayer(6, "FullyConnected", {{"out-size", "2"}})
                             .input({1, 2, 1, 1})
                             .blob("weights", ramp(4))
                             .document();
  ir::Annotation a;
  a.activations.push_back({"x0", {{0, 1}}, 256, {}, {}});
  CHECK(node_named(ir::to_graph(ir::annotate(d, a)), "y").hint == PrecisionHint::keep_float);
  a.weights.push_back({"y", {{-1, 1}}, 255, {}});
  const ir::Document annotated = ir::annotate(d, a);
  CHECK(*annotated.layers.back().attribute("quantization_level") == "I8");
  CHECK(node_named(ir::to_graph(annotated), "y").hint == PrecisionHint::automatic);
}

TEST_CASE("values behind pre-processing keep their own name", "[annotate]") {
  ir::Document d = OneLayer(6, "ReLU", {}).input({1, 1, 2, 2}).document();
  d.pre_process.emplace_back();
  d.pre_process.back().input = "x0";
  d.pre_process.back().channels.resize(1);
  d.pre_process.back().channels[0].mean = 5.0f;
  ir::Annotation a;
  a.activations.push_back({"x0/pre-process", {{0, 1}}, 256, {}, {}});
  const ir::Document annotated = ir::annotate(d, a);
  CHECK(annotated.statistics.at(0).layer == "x0");
  const Graph g = ir::to_graph(annotated);
  CHECK(g.value(g.find_value("x0/pre-process")).quantization.has_value());
  CHECK_FALSE(g.value(g.find_value("x0")).quantization);
}

TEST_CASE("annotations that do not fit are refused", "[annotate]") {
  const StoredModel model(legacy_sample(), legacy_weights());
  const ir::Document d = ir::read_document(model.xml);
  const auto refused = [&](void (*change)(ir::Annotation&), const char* expected) {
    ir::Annotation a = sample_annotation();
    change(a);
    CHECK_THROWS_AS(ir::annotate(d, a), UsageError);
    CHECK_THROWS_WITH(ir::annotate(d, a), Contains(expected));
  };
  refused([](ir::Annotation& a) { a.activations[0].value = "nobody"; }, "layer 'nobody'");
  refused([](ir::Annotation& a) { a.activations[0].value = "c1/weights"; }, "does not have");
  refused([](ir::Annotation& a) { a.activations[0].range.resize(2); }, "2 ranges for 3 channels");
  refused([](ir::Annotation& a) { a.activations[0].range.clear(); }, "0 ranges");
  refused([](ir::Annotation& a) { a.activations[0].range[0].high = HUGE_VALF; }, "finite");
  refused([](ir::Annotation& a) { a.activations[0].channel_min.resize(2); }, "2 observed values");
  refused([](ir::Annotation& a) { a.activations[0].channel_min.clear(); }, "minima and maxima");
  refused([](ir::Annotation& a) { a.weights[0].layer = "r1"; }, "without constant weights");
  refused([](ir::Annotation& a) { a.weights[0].range.resize(3); }, "3 ranges for 4 channels");
  refused([](ir::Annotation& a) { a.weights[0].range[0].low = 0; }, "symmetric");
  refused([](ir::Annotation& a) { a.weights[0].bias.resize(3); }, "3 bias values");
  refused([](ir::Annotation& a) { a.weights[0].bias[0] = HUGE_VALF; }, "not finite");
  refused([](ir::Annotation& a) { a.keep_float = {"nobody"}; }, "layer 'nobody'");
}
