#include <cmath>
#include <span>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/ops/eltwise.h"
#include "tests/formats/files.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

ir::PreProcess means(std::vector<float> values) {
  ir::PreProcess process;
  process.input = "x0";
  for (const float value : values) {
    process.channels.emplace_back();
    process.channels.back().mean = value;
  }
  return process;
}

Graph with(ir::PreProcess process, const Shape& shape = {1, 2, 2, 2}) {
  ir::Document d = OneLayer(6, "ReLU", {}).input(shape).document();
  d.pre_process = {std::move(process)};
  return ir::to_graph(d);
}

}  // namespace

TEST_CASE("mean values become an affine node behind the input", "[pre-process]") {
  const Graph g = with(means({104, 117}));
  const Node& node = node_named(g, "x0/pre-process");
  CHECK(node.op == "ChannelAffine");
  CHECK(input_floats(g, node, 1) == std::vector<float>{1, 1});
  CHECK(input_floats(g, node, 2) == std::vector<float>{-104, -117});
  CHECK(node_named(g, "y").inputs[0] == node.outputs[0]);
  CHECK(g.value(g.inputs[0]).name == "x0");
}

TEST_CASE("scales multiply after the mean", "[pre-process]") {
  ir::PreProcess process = means({10, 20});
  process.channels[1].scale = 0.5f;
  const Graph g = with(process);
  const Node& node = node_named(g, "x0/pre-process");
  CHECK(input_floats(g, node, 1) == std::vector<float>{1, 0.5f});
  CHECK(input_floats(g, node, 2) == std::vector<float>{-10, -10});
}

TEST_CASE("inputs without batch are handled by their first dimension", "[pre-process]") {
  const Graph g = with(means({1, 2, 3}), {3, 2, 2});
  const Node& node = node_named(g, "x0/pre-process");
  CHECK(node.attributes.as<EltwiseAttributes>().operation == "sub");
  CHECK(g.value(node.inputs[1]).shape == Shape{3, 1, 1});
}

TEST_CASE("mean images are subtracted", "[pre-process]") {
  ir::Document d = OneLayer(6, "ReLU", {}).input({1, 2, 1, 2}).document();
  ir::PreProcess process;
  process.mean_precision = "FP32";  // no name: the first 4-D input
  for (const std::vector<float>& plane : {std::vector<float>{1, 2}, std::vector<float>{3, 4}}) {
    process.channels.emplace_back();
    process.channels.back().mean_plane = d.append("mean", std::as_bytes(std::span(plane)));
  }
  d.pre_process = {process};
  const Graph g = ir::to_graph(d);
  const Node& node = node_named(g, "x0/pre-process");
  CHECK(node.attributes.as<EltwiseAttributes>().operation == "sub");
  CHECK(input_floats(g, node, 1) == std::vector<float>{1, 2, 3, 4});
  d.pre_process[0].mean_precision.clear();
  CHECK_THROWS_WITH(ir::to_graph(d), Contains("mean-precision"));
  d.pre_process[0].mean_precision = "FP16";
  CHECK_THROWS_WITH(ir::to_graph(d), Contains("a mean image has 8 bytes; the input needs 4"));
  d.pre_process[0] = process;
  d.pre_process[0].channels[0].scale = 2;
  const Graph scaled = ir::to_graph(d);
  CHECK(node_named(scaled, "x0/pre-process").attributes.as<EltwiseAttributes>().operation == "mul");
}

TEST_CASE("pre-processing that does not fit is refused", "[pre-process]") {
  CHECK_THROWS_WITH(with(means({1, 2, 3})), Contains("3 channels, the input has 2"));
  ir::PreProcess mixed = means({1, 2});
  mixed.channels[1].mean.reset();
  CHECK_THROWS_WITH(with(mixed), Contains("mixes"));
  CHECK_THROWS_WITH(with(means({1, HUGE_VALF})), Contains("not finite"));
  CHECK_THROWS_WITH(with(means({1}), {1, 1}), Contains("channels, height and width"));
}
