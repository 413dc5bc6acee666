#include "engine/graph/print.h"

#include "engine/graph/builder.h"
#include "engine/ops/activation.h"
#include "engine/ops/eltwise.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Contains;

namespace {

Graph sample(float bias) {
  GraphBuilder builder("net");
  const ValueId x = builder.input("x", DType::f32, {1, 2});
  const ValueId b = builder.constant("b", Constant::f32({1, 2}, {bias, 2}));
  const ValueId sum = builder.add1("Eltwise", "sum", Attributes::of(EltwiseAttributes{}), {x, b});
  const ValueId y =
      builder.add1("Activation", "say \"y\"", Attributes::of(ActivationAttributes{"clamp", 0, 6}), {sum});
  builder.output(y);
  Graph graph = builder.finish();
  graph.value(sum).quantization = Quantization{{0.5f}, 128, 0, 255};
  graph.node(graph.value(y).producer).hint = PrecisionHint::keep_float;
  return graph;
}

}  // namespace

TEST_CASE("the text shows operations, attributes, types and quantization", "[print]") {
  const std::string text = to_text(sample(1));
  CHECK_THAT(text, Contains("input 'x' f32[1,2]"));
  CHECK_THAT(text, Contains("Eltwise 'sum' {operation=add") && Contains("<- ['x','b']"));
  CHECK_THAT(text, Contains("'sum' f32[1,2] q(scale=[0.5] zero_point=128 0..255)"));
  CHECK_THAT(text, Contains("function=clamp") && Contains("beta=6") && Contains("keep_float"));
  CHECK_THAT(text, Contains("'b' f32[1,2] constant f32 #"));
  CHECK_THAT(text, Contains("output 'say \"y\"'"));
  CHECK_THAT(text, !Contains("inf"));
}

TEST_CASE("equal text means equal constants", "[print]") {
  CHECK(to_text(sample(1)) == to_text(sample(1)));
  CHECK(to_text(sample(1)) != to_text(sample(1.0000001f)));
}

TEST_CASE("long lists of scales are told apart by their hash", "[print]") {
  Graph a = sample(1);
  Graph b = sample(1);
  a.value(a.inputs[0]).quantization = Quantization{{1, 2, 3, 4, 5}, 0, 0, 255};
  b.value(b.inputs[0]).quantization = Quantization{{1, 2, 3, 4, 6}, 0, 0, 255};
  CHECK_THAT(to_text(a), Contains("5 values #"));
  CHECK(to_text(a) != to_text(b));
}

TEST_CASE("the DOT text is a digraph with escaped labels", "[print]") {
  const std::string dot = to_dot(sample(1));
  CHECK_THAT(dot, Contains("digraph \"net\" {"));
  CHECK_THAT(dot, Contains("say \\\"y\\\""));
  CHECK_THAT(dot, Contains("n0 -> n1 [label=\"f32[1,2]"));
  CHECK_THAT(dot, Contains("n1 -> o0"));
  CHECK_THAT(dot, Contains("v0 -> n0"));
}
