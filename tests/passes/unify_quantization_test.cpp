#include "engine/passes/quantization_groups.h"
#include "tests/passes/pass_case.h"

using namespace refcalib_test;

namespace {

/// x, y -> concat -> max pooling -> reshape -> average pooling
struct Chain {
  Chain() {
    x = b.input("x", DType::f32, {1, 2, 4, 4});
    y = b.input("y", DType::f32, {1, 3, 4, 4});
    all = b.add1("Concat", "all", Attributes::of(ConcatAttributes{1}), {x, y});
    pooled = b.add1("Pooling", "pooled", Attributes::of(pooling("max", 2, 2, 2)), {all});
    moved = b.add1("Reshape", "moved", Attributes::of(ReshapeAttributes{}),
                   {pooled, b.constant("s", Constant::i64_vector({1, 5, 4, 1}))});
    mean = b.add1("Pooling", "mean", Attributes::of(pooling("avg", 2, 1)), {moved});
    b.output(mean);
  }
  GraphBuilder b;
  ValueId x, y, all, pooled, moved, mean;
};

}  // namespace

TEST_CASE("values with only moving operations in between form one group", "[quantization_groups]") {
  Chain c;
  const auto groups = quantization_groups(c.b.graph());
  CHECK(groups == std::vector<std::vector<ValueId>>{{c.x, c.y, c.all, c.pooled, c.moved}, {c.mean}});
}

TEST_CASE("a group gets the widest of its quantizations", "[unify_quantization]") {
  Chain c;
  quantize_value(c.b.graph(), c.x, {0.01F}, 0);    // 0 to 2.55
  quantize_value(c.b.graph(), c.y, {0.01F}, 128);  // -1.28 to 1.27
  quantize_value(c.b.graph(), c.mean, {0.02F}, 7);
  Graph graph = c.b.finish();
  const QuantizationRange range =
      widest(extent(*graph.value(c.x).quantization), extent(*graph.value(c.y).quantization));
  CHECK(range.low == 0.01F * -128);
  CHECK(range.high == 0.01F * 255);
  graph = after(graph, unify_quantization);
  for (const ValueId id : {c.x, c.y, c.all, c.pooled, c.moved}) {
    REQUIRE(graph.value(id).quantization);
    CHECK(*graph.value(id).quantization == activation_quantization({range}, 256));
  }
  CHECK(*graph.value(c.mean).quantization == Quantization{{0.02F}, 7, 0, 255});
  const Graph again = after(graph, unify_quantization);
  CHECK(again.value(c.all).quantization == graph.value(c.all).quantization);
}

TEST_CASE("one quantization is taken as it is; a range per channel becomes one for all",
          "[unify_quantization]") {
  Chain one;
  quantize_value(one.b.graph(), one.pooled, {0.013F}, 77);
  const Graph same = after(one.b.finish(), unify_quantization);
  for (const ValueId id : {one.x, one.y, one.all, one.pooled, one.moved})
    CHECK(*same.value(id).quantization == Quantization{{0.013F}, 77, 0, 255});
  CHECK_FALSE(same.value(one.mean).quantization);

  Chain each;
  quantize_value(each.b.graph(), each.x, {0.01F, 0.02F}, 0);
  const Graph merged = after(each.b.finish(), unify_quantization);
  CHECK(*merged.value(each.x).quantization == activation_quantization({{0, 0.02F * 255}}, 256));
}

TEST_CASE("values without any quantization, and those that stand alone, stay as they are",
          "[unify_quantization]") {
  Chain none;
  const Graph graph = after(none.b.finish(), unify_quantization);
  for (ValueId id = 0; id < graph.value_count(); ++id) CHECK_FALSE(graph.value(id).quantization);
  Start alone;
  alone.b.output(alone.conv);
  quantize_value(alone.b.graph(), alone.input, {0.1F, 0.2F, 0.3F, 0.4F}, 0);
  CHECK(after(alone.b.finish(), unify_quantization).value(alone.input).quantization->scale.size() == 4);
}
