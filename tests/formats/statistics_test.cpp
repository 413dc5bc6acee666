#include <optional>
#include <span>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "tests/formats/one_layer.h"
#include "tests/formats/samples.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

std::string entry(const std::string& name, const std::string& min, const std::string& max) {
  return "<layer><name>" + name + "</name><min>" + min + "</min><max>" + max + "</max></layer>";
}

std::string with_statistics(const std::string& entries) {
  return replaced(legacy_sample(), "<meta_data>", "<statistics>" + entries + "</statistics><meta_data>");
}

Graph load(const std::string& text) {
  const StoredModel model(text, legacy_weights());
  return ir::read_graph(model.xml);
}

const std::optional<Quantization>& quantization(const Graph& graph, const char* value) {
  return graph.value(graph.find_value(value)).quantization;
}

/// x0 -> y, a depthwise convolution over two channels, with statistics of the input.
ir::Document depthwise_sample() {
  ir::Document d = OneLayer(6, "Convolution", {{"kernel", "1,1"}, {"output", "2"}, {"group", "2"}})
                       .input({1, 2, 2, 2})
                       .blob("weights", {1, 2})
                       .document();
  d.statistics = {{"x0", {0, -2}, {1, 1}}};
  return d;
}

}  // namespace

TEST_CASE("values with negative minima get zero point 128", "[statistics]") {
  const Graph g = load(with_statistics(entry("data", "-127, 0, 0", "1, 2.5, 100")));
  CHECK(quantization(g, "data") == Quantization{{1.0f}, 128, 0, 255});
  CHECK_FALSE(quantization(g, "r1"));
}

TEST_CASE("values without negative minima use all of u8", "[statistics]") {
  const Graph g = load(with_statistics(entry("data", "0", "255")));
  CHECK(quantization(g, "data") == Quantization{{1.0f}, 0, 0, 255});
}

TEST_CASE("a convolution and its ReLU run as one, by the ReLU's statistics", "[statistics]") {
  const Graph g =
      load(with_statistics(entry("c1", "-10,-10,-10,-10", "51,1,1,1") + entry("r1", "0,0,0,0", "255,1,1,1")));
  CHECK_FALSE(quantization(g, "c1"));
  CHECK(quantization(g, "r1") == Quantization{{1.0f}, 0, 0, 255});
}

TEST_CASE("a ReLU without statistics takes those in front of it, cut at zero", "[statistics]") {
  const Graph g = load(with_statistics(entry("c1", "-10", "51")));
  CHECK_FALSE(quantization(g, "c1"));
  CHECK(quantization(g, "r1") == Quantization{{51.0f / 255.0f}, 0, 0, 255});
}

TEST_CASE("depthwise readers allow a scale per channel", "[statistics]") {
  const Graph g = ir::to_graph(depthwise_sample());
  CHECK(quantization(g, "x0") == Quantization{{1.0f / 127.0f, 2.0f / 127.0f}, 128, 0, 255});
  // A second reader that needs one scale takes that away.
  ir::Document d = depthwise_sample();
  ir::Layer other = d.layers.back();
  other.id = 5;
  other.name = "other";
  other.attributes = {{"kernel", "1,1"}, {"output", "1"}};
  other.blobs = {d.append("weights", std::as_bytes(std::span<const float>(std::vector<float>{1, 2})))};
  d.edges.push_back({0, 0, 5, other.inputs[0].id});
  d.layers.push_back(other);
  CHECK(quantization(ir::to_graph(d), "x0") == Quantization{{2.0f / 127.0f}, 128, 0, 255});
}

TEST_CASE("channels that were always zero get scale 1", "[statistics]") {
  ir::Document d = depthwise_sample();
  d.statistics = {{"x0", {0, 0}, {0, 255}}};
  CHECK(quantization(ir::to_graph(d), "x0") == Quantization{{1.0f, 1.0f}, 0, 0, 255});
}

TEST_CASE("a fully connected layer stays in float unless its level is an integer", "[statistics]") {
  const auto hint = [](Pairs more, bool calibrated) {
    more.emplace_back("out-size", "2");
    ir::Document d = OneLayer(6, "FullyConnected", more).input({1, 2}).blob("weights", ramp(4)).document();
    if (calibrated) d.statistics = {{"x0", {0, 0}, {1, 1}}};
    return node_named(ir::to_graph(d), "y").hint;
  };
  CHECK(hint({}, true) == PrecisionHint::keep_float);
  CHECK(hint({}, false) == PrecisionHint::automatic);
  CHECK(hint({{"quantization_level", "I8"}}, true) == PrecisionHint::automatic);
  CHECK(hint({{"quantization_level", "FP32"}}, false) == PrecisionHint::keep_float);
}

TEST_CASE("statistics of an input describe its pre-processed form", "[statistics]") {
  const Graph g = load(
      replaced(with_statistics(entry("data", "0", "255")), "<edges>",
               "<pre-process reference-layer-name=\"data\"><channel><mean value=\"1\"/></channel><channel>"
               "<mean value=\"2\"/></channel><channel><mean value=\"3\"/></channel></pre-process><edges>"));
  CHECK(quantization(g, "data/pre-process") == Quantization{{1.0f}, 0, 0, 255});
}

TEST_CASE("statistics that do not fit are refused; names that match nothing are not", "[statistics]") {
  CHECK_THROWS_WITH(load(with_statistics(entry("data", "0, 0", "1, 1"))),
                    Contains("layer 'data'") && Contains("2 values for 3"));
  CHECK_THROWS_WITH(load(with_statistics(entry("data", "0", "1, 1"))), Contains("1 minima and 2 maxima"));
  CHECK_THROWS_WITH(load(with_statistics(entry("data", "", ""))), Contains("0 minima"));
  CHECK_THROWS_WITH(load(with_statistics(entry("data", "0", "1x"))), Contains("\"1x\" is not a number"));
  CHECK_THROWS_WITH(load(with_statistics(entry("data", "0", "inf"))),
                    Contains("layer 'data'") && Contains("not finite"));
  CHECK_NOTHROW(load(with_statistics(entry("nobody", "0, 0", "1, 1"))));
}

TEST_CASE("<refcalib> wins over statistics", "[statistics]") {
  const std::string calibration =
      "<refcalib version=\"1\"><layer name=\"data\"><output levels=\"256\" low=\"-0.5\" "
      "high=\"254.5\"/></layer>"
      "<layer name=\"c1\"><weights levels=\"255\" high=\"127, 1.27, 0, 254\"/><bias values=\"1, 2, 3, "
      "4\"/></layer></refcalib>";
  const std::string text = replaced(with_statistics(entry("data", "0", "1") + entry("r1", "0", "1")),
                                    "<meta_data>", calibration + "<meta_data>");
  const Graph g = load(text);
  CHECK(quantization(g, "data") == Quantization{{1.0f}, 0, 0, 255});
  CHECK_FALSE(quantization(g, "r1"));
  CHECK(quantization(g, "c1/weights") == Quantization{{1.0f, 1.27f / 127.0f, 1.0f, 2.0f}, 0, -127, 127});
  CHECK(input_floats(g, node_named(g, "c1"), 2) == std::vector<float>{1, 2, 3, 4});
  struct Case {
    const char* from;
    const char* to;
    const char* expected;
  };
  const Case cases[] = {
      {"refcalib version=\"1\"", "refcalib version=\"2\"", "<refcalib> version 2"},
      {"levels=\"256\"", "levels=\"300\"", "300 levels"},
      {"levels=\"256\" ", "", "no attribute 'levels'"},
      {"low=\"-0.5\"", "low=\"-0.5, 0\"", "equally many"},
      {"low=\"-0.5\" high=\"254.5\"", "low=\"0, 0\" high=\"1, 1\"", "2 output limits for 3 channels"},
      {"low=\"-0.5\" high=\"254.5\"", "low=\"1\" high=\"0\"", "not a finite interval"},
      {"low=\"-0.5\" high=\"254.5\"", "low=\"0, 0, -1\" high=\"1, 1, 1\"", "different zero points"},
      {"high=\"127, 1.27, 0, 254\"", "high=\"1, 2\"", "2 weight limits for 4 channels"},
      {"high=\"127, 1.27, 0, 254\"", "high=\"nan\"", "not a finite interval"},
      {"values=\"1, 2, 3, 4\"", "values=\"1, 2\"", "2 bias values for 4 channels"},
      {"values=\"1, 2, 3, 4\"", "values=\"1, 2, 3, inf\"", "not finite"},
      {"layer name=\"data\"", "layer name=\"date\"", "does not exist"},
      {"<layer name=\"c1\"><weights", "<layer name=\"r1\"><weights", "without constant weights"},
      {"layer name=\"data\"", "layer", "no attribute 'name'"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.from, c.to);
    CHECK_THROWS_WITH(load(replaced(text, c.from, c.to)), Contains(c.expected) && Contains("net.v1.xml"));
  }
}
