#include "engine/core/error.h"
#include "tests/formats/run_layer.h"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Floats = std::vector<float>;

void check(const OneLayer& layer, const Shape& shape, const Floats& values) {
  const Graph graph = layer.graph();
  CHECK(output_shape(graph) == shape);
  CHECK(run_layer(graph) == values);
}

OneLayer opset(const char* type, Pairs attributes, const char* set = "opset14") {
  return OneLayer(11, type, std::move(attributes), set);
}

}  // namespace

TEST_CASE("gathering in both vocabularies", "[indexing]") {
  check(OneLayer(6, "Gather", {{"axis", "0"}}).input({3, 2}).ints({2, -1, 0}).output({3, 2}), {3, 2},
        {4, 5, 0, 0, 0, 1});
  check(opset("Gather", {}).input({3, 2}).ints({2, -1, 7}).constant<std::int64_t>({}, {0}), {3, 2},
        {4, 5, 4, 5, 0, 0});
  check(opset("Gather", {{"batch_dims", "-1"}})
            .input({2, 3})
            .constant<std::int64_t>({2, 1}, {1, 2})
            .constant<std::int64_t>({}, {1}),
        {2, 1}, {1, 5});
  CHECK_THROWS_WITH(opset("Gather", {}).input({3, 2}).ints({0}).ints({0, 1}).graph(),
                    Contains("not a single number"));
  check(opset("GatherElements", {{"axis", "-1"}}).input({2, 2}).constant<std::int64_t>({2, 1}, {1, 0}),
        {2, 1}, {1, 2});
  check(opset("GatherND", {{"batch_dims", "2"}}, "opset5")
            .input({2, 2, 2})
            .constant<std::int64_t>({2, 2, 1}, {0, 1, 0, 1}),
        {4}, {0, 3, 4, 7});
  check(opset("GatherND", {{"batch_dims", "2"}}, "opset8")
            .input({2, 2, 2})
            .constant<std::int64_t>({2, 2, 1}, {0, 1, 0, 1}),
        {2, 2}, {0, 3, 4, 7});
}

TEST_CASE("scattering", "[indexing]") {
  check(opset("ScatterUpdate", {}).input({2, 3}).ints({1}).constant<float>({2, 1}, {7, 8}).ints({1}), {2, 3},
        {0, 7, 2, 3, 8, 5});
  check(OneLayer(7, "ScatterUpdate", {}).input({3}).ints({1}).constant<float>({1}, {7}).ints({0}).output({3}),
        {3}, {0, 7, 2});
  const auto elements = [](Pairs pairs, const char* set) {
    return opset("ScatterElementsUpdate", std::move(pairs), set)
        .input({3})
        .ints({1, 1})
        .constant<float>({2}, {7, 8})
        .ints({0});
  };
  check(elements({}, "opset3"), {3}, {0, 8, 2});
  check(elements({{"reduction", "sum"}}, "opset12"), {3}, {0, 16, 2});
  check(elements({{"reduction", "mean"}, {"use_init_val", "false"}}, "opset12"), {3}, {0, 7.5F, 2});
  check(opset("ScatterNDUpdate", {{"reduction", "max"}}, "opset15")
            .input({3})
            .constant<std::int64_t>({2, 1}, {2, 0})
            .constant<float>({2}, {1, 1}),
        {3}, {1, 1, 2});
}

TEST_CASE("eye and non-zero are computed at load", "[indexing]") {
  // The graph needs an input, though nothing reads it.
  const auto constant = [](const OneLayer& layer) {
    ir::Document document = layer.document();
    ir::Layer input;
    input.id = 5000;
    input.name = "unused";
    input.type = "Parameter";
    input.version = "opset1";
    input.attributes = {{"shape", "1"}, {"element_type", "f32"}};
    input.outputs.push_back({0, "FP32", {1}, "", ""});
    document.layers.push_back(input);
    const Graph graph = ir::to_graph(document);
    return graph.value(graph.outputs.front()).constant;
  };
  const Constant eye = constant(opset("Eye", {{"output_type", "i32"}}).ints({2}).ints({3}).ints({1}));
  CHECK(eye.shape() == Shape{2, 3});
  CHECK(eye.dtype() == DType::i32);
  CHECK(eye.to_ints() == std::vector<std::int64_t>{0, 1, 0, 0, 0, 1});
  CHECK(constant(opset("Eye", {{"output_type", "f32"}}).ints({1}).ints({1}).ints({0}).ints({2})).shape() ==
        Shape{2, 1, 1});
  CHECK_THROWS_AS(constant(opset("Eye", {{"output_type", "f32"}}).ints({1 << 20}).ints({1 << 20}).ints({0})),
                  Error);
  // Without elements there is nothing to do, whatever the batch.
  CHECK(constant(opset("Eye", {{"output_type", "f32"}}).ints({0}).ints({3}).ints({0}).ints({1LL << 38}))
            .count() == 0);
  CHECK_THROWS_AS(constant(opset("Eye", {{"output_type", "f32"}}).ints({-2}).ints({3}).ints({0})), Error);
  const Constant found = constant(opset("NonZero", {{"output_type", "i32"}}).ints({0, 7, 7}));
  CHECK(found.dtype() == DType::i32);
  CHECK(found.to_ints() == std::vector<std::int64_t>{1, 2});
}

TEST_CASE("one hot in both vocabularies", "[indexing]") {
  check(OneLayer(6, "OneHot", {{"depth", "3"}, {"on_value", "5"}, {"off_value", "-1"}})
            .input({2})
            .output({2, 3}),
        {2, 3}, {5, -1, -1, -1, 5, -1});
  check(opset("OneHot", {{"axis", "0"}})
            .input({2})
            .constant<std::int64_t>({}, {3})
            .constant<float>({}, {5})
            .constant<float>({}, {-1}),
        {3, 2}, {5, -1, -1, 5, -1, -1});
  CHECK_THROWS_AS(OneLayer(6, "OneHot", {}).input({2}).output({2, 3}).graph(), FormatError);
}

TEST_CASE("patches of an image", "[indexing]") {
  const Pairs attributes{{"sizes", "2,2"}, {"strides", "2,1"}, {"rates", "1,2"}, {"auto_pad", "valid"}};
  check(opset("ExtractImagePatches", attributes).input({1, 1, 4, 4}), {1, 4, 2, 2},
        {0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15});
  const Pairs same{{"sizes", "1,2"}, {"strides", "1,1"}, {"rates", "1,1"}, {"auto_pad", "same_upper"}};
  check(opset("ExtractImagePatches", same).input({1, 1, 1, 3}), {1, 2, 1, 3}, {0, 1, 2, 1, 2, 0});
  for (const char* sizes : {"5,2", "0,1", "2000,2000", "1"}) {
    Pairs bad = attributes;
    bad[0].second = sizes;
    CHECK_THROWS_AS(opset("ExtractImagePatches", bad).input({1, 1, 4, 4}).graph(), Error);
  }
}

TEST_CASE("shape arithmetic folds with the type that is asked for", "[indexing]") {
  const Graph graph = OneLayer(11, "ShapeOf", {{"output_type", "i32"}}, "opset3").input({2, 5}).graph();
  const Value& shape = graph.value(graph.outputs.front());
  CHECK(shape.dtype == DType::i32);
  CHECK(shape.constant.to_ints() == std::vector<std::int64_t>{2, 5});
}

TEST_CASE("sums of embedding rows, bag by bag", "[indexing]") {
  // The table has the rows (0, 1), (2, 3), (4, 5), (6, 7).
  const auto layer = [](const char* type, Pairs pairs = {}) {
    return opset(type, std::move(pairs), "opset15").input({4, 2});
  };
  check(layer("EmbeddingBagPackedSum").constant<std::int64_t>({2, 2}, {0, 3, 1, 1}), {2, 2}, {6, 8, 4, 6});
  check(layer("EmbeddingBagPackedSum")
            .constant<std::int64_t>({2, 2}, {0, 3, 1, 1})
            .constant<float>({2, 2}, {1, 0.5F, 2, -1}),
        {2, 2}, {3, 4.5F, 2, 3});
  check(layer("EmbeddingBagPacked", {{"reduction", "mean"}}).constant<std::int64_t>({1, 2}, {0, 3}), {1, 2},
        {3, 4});
  // Bags of two, none and one index.
  const auto offsets = [&](const char* type = "EmbeddingBagOffsetsSum", Pairs pairs = {}) {
    return layer(type, std::move(pairs)).ints({3, 1, 2}).ints({0, 2, 2});
  };
  check(offsets(), {3, 2}, {8, 10, 0, 0, 4, 5});
  check(offsets().constant<std::int64_t>({}, {1}), {3, 2}, {8, 10, 2, 3, 4, 5});
  check(offsets().constant<std::int64_t>({}, {-1}).constant<float>({3}, {1, 2, 0.5F}), {3, 2},
        {10, 13, 0, 0, 2, 2.5F});
  check(offsets("EmbeddingBagOffsets", {{"reduction", "mean"}}), {3, 2}, {4, 5, 0, 0, 4, 5});
  const auto segments = [&] {
    return layer("EmbeddingSegmentsSum").ints({3, 1, 2}).ints({0, 2, 2}).constant<std::int64_t>({}, {4});
  };
  check(segments(), {4, 2}, {6, 7, 0, 0, 6, 8, 0, 0});
  check(segments().constant<std::int64_t>({}, {1}).constant<float>({3}, {1, 2, 0.5F}), {4, 2},
        {6, 7, 2, 3, 6, 8.5F, 2, 3});
  CHECK_THROWS_WITH(layer("EmbeddingBagPackedSum").ints({1}).graph(), Contains("the indices have the shape"));
  CHECK_THROWS_WITH(layer("EmbeddingBagOffsets", {{"reduction", "max"}}).ints({1}).ints({0}).graph(),
                    Contains("attribute 'reduction' has the unknown value 'max'"));
  CHECK_THROWS_WITH(offsets().constant<std::int64_t>({}, {4}).graph(), Contains("default row is outside"));
  CHECK_THROWS_WITH(
      layer("EmbeddingSegmentsSum").ints({1}).ints({0, 1}).constant<std::int64_t>({}, {1}).graph(),
      Contains("not one segment for each index"));
}

TEST_CASE("variables hold their initial values, dimensions of 1 may be skipped", "[indexing]") {
  check(opset("ReadValue", {{"variable_id", "v"}}, "opset6").input({2, 2}), {2, 2}, {0, 1, 2, 3});
  check(opset("Assign", {{"variable_id", "v"}}, "opset6").input({2}), {2}, {0, 1});
  const Pairs skip = {{"allow_axis_skip", "true"}};
  check(opset("Squeeze", skip, "opset15").input({1, 2, 1}).ints({0, 1}), {2, 1}, {0, 1});
  check(opset("Squeeze", skip, "opset15").input({1, 2, 1}).ints({1}), {1, 2, 1}, {0, 1});
  CHECK_THROWS_WITH(opset("Squeeze", {}, "opset15").input({1, 2, 1}).ints({0, 1}).graph(),
                    Contains("dimension 1 of shape [1,2,1] cannot be removed"));
}

TEST_CASE("types of two values are promoted to one", "[indexing]") {
  const Graph mixed =
      opset("ConvertPromoteTypes", {}).input({2}).ints({3, 4}).output({2}).output({2}).graph();
  REQUIRE(mixed.outputs.size() == 2);
  for (const ValueId id : mixed.outputs) CHECK(is_float(mixed.value(id).dtype));
}
