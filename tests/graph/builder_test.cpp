#include "engine/graph/builder.h"

#include "engine/core/error.h"
#include "engine/ops/activation.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/indexing.h"
#include "engine/ops/movement.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

TEST_CASE("the builder infers shapes and names outputs", "[builder]") {
  GraphBuilder builder("net");
  const ValueId x = builder.input("x", DType::f32, {1, 4, 2, 2});
  const auto parts = builder.add("Split", "parts", Attributes::of(SplitAttributes{1, {1, 3}}), {x}, 2);
  const ValueId y =
      builder.add1("Activation", "y", Attributes::of(ActivationAttributes{"relu", 0, 0}), {parts[1]});
  builder.output(y);
  const Graph graph = builder.finish();
  CHECK(graph.name == "net");
  CHECK(graph.value(parts[0]).name == "parts.0");
  CHECK(graph.value(parts[1]).shape == Shape{1, 3, 2, 2});
  CHECK(graph.value(y).name == "y");
  CHECK(graph.order().size() == 2);
}

TEST_CASE("shape sub-graphs fold away", "[builder]") {
  GraphBuilder builder;
  const ValueId x = builder.input("x", DType::f32, {2, 3, 4});
  const ValueId shape = builder.add1("ShapeOf", "shape", Attributes::of(NoAttributes{}), {x});
  const ValueId one = builder.constant("one", Constant::i64_vector({1}));
  const ValueId zero = builder.constant("zero", Constant::i64({}, {0}));
  const ValueId channels =
      builder.add1("Gather", "channels", Attributes::of(GatherAttributes{0}), {shape, zero});
  const ValueId column =
      builder.add1("Reshape", "column", Attributes::of(ReshapeAttributes{}), {channels, one});
  const ValueId rest = builder.constant("rest", Constant::i64_vector({-1}));
  const ValueId target =
      builder.add1("Concat", "target", Attributes::of(ConcatAttributes{0}), {column, rest});
  const ValueId y = builder.add1("Reshape", "y", Attributes::of(ReshapeAttributes{}), {x, target});
  builder.output(y);
  const Graph graph = builder.finish();
  CHECK(graph.value(target).constant.to_ints() == std::vector<std::int64_t>{2, -1});
  CHECK(graph.value(y).shape == Shape{2, 12});
  REQUIRE(graph.order().size() == 1);
  CHECK(graph.node(graph.order()[0]).name == "y");
}

TEST_CASE("errors of the builder name the layer and keep their class", "[builder]") {
  GraphBuilder builder;
  const ValueId x = builder.input("x", DType::f32, {1, 4});
  const ValueId y = builder.input("y", DType::f32, {1, 3});
  CHECK_THROWS_AS(builder.add1("Eltwise", "sum", Attributes::of(EltwiseAttributes{}), {x, y}), FormatError);
  CHECK_THROWS_WITH(builder.add1("Eltwise", "sum", Attributes::of(EltwiseAttributes{}), {x, y}),
                    refcalib_test::Contains("layer 'sum'"));
  CHECK_THROWS_AS(builder.add1("NoSuchOperation", "odd", {}, {x}), UnsupportedError);
  CHECK_THROWS_WITH(builder.add1("NoSuchOperation", "odd", {}, {x}), refcalib_test::Contains("layer 'odd'"));
  CHECK_THROWS_AS(builder.add1("Eltwise", "sum", Attributes::of(EltwiseAttributes{}), {x, 77}), Error);
}
