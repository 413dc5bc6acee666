#include "engine/core/error.h"
#include "engine/ops/activation.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/pooling.h"
#include "tests/formats/files.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

const Node& y(const Graph& graph) {
  return node_named(graph, "y");
}

Graph unary(const char* type, Pairs attributes = {}, const char* opset = "opset1") {
  return OneLayer(11, type, std::move(attributes), opset).input({1, 2, 3, 4}).graph();
}

}  // namespace

TEST_CASE("opset convolutions", "[opset]") {
  const Pairs attributes = {{"strides", "2,2"},
                            {"pads_begin", "0,0"},
                            {"pads_end", "0,0"},
                            {"dilations", "1,1"},
                            {"auto_pad", "same_lower"}};
  const Graph plain = OneLayer(10, "Convolution", attributes)
                          .input({1, 2, 8, 7})
                          .constant<float>({4, 2, 3, 3}, ramp(72))
                          .graph();
  CHECK(plain.value(y(plain).inputs[1]).shape == Shape{1, 4, 2, 3, 3});
  CHECK(y(plain).attributes.as<ConvolutionAttributes>().pads_begin == std::vector<std::int64_t>{1, 1});
  CHECK(y(plain).attributes.as<ConvolutionAttributes>().pads_end == std::vector<std::int64_t>{0, 1});
  CHECK(output_shape(plain) == Shape{1, 4, 4, 4});
  const Graph grouped = OneLayer(10, "GroupConvolution", {})
                            .input({1, 2, 8, 7})
                            .constant<float>({2, 1, 1, 3, 3}, ramp(18))
                            .graph();
  CHECK(grouped.value(y(grouped).inputs[1]).shape == Shape{2, 1, 1, 3, 3});
  CHECK(output_shape(grouped) == Shape{1, 2, 6, 5});
  CHECK_THROWS_AS(
      OneLayer(10, "Convolution", {}).input({1, 2, 8}).constant<float>({4, 2, 3, 3}, ramp(72)).graph(),
      FormatError);
  CHECK_THROWS_AS(
      OneLayer(10, "Convolution", {}).input({1, 3, 8, 8}).constant<float>({4, 2, 3, 3}, ramp(72)).graph(),
      FormatError);
  CHECK_THROWS_AS(OneLayer(10, "Convolution", {}).input({1, 2, 8, 8}).graph(), FormatError);
  // Negative pads crop.
  CHECK(output_shape(OneLayer(10, "Convolution", {{"pads_begin", "-1,0"}})
                         .input({1, 2, 8, 8})
                         .constant<float>({4, 2, 3, 3}, ramp(72))
                         .graph()) == Shape{1, 4, 5, 6});
  CHECK_THROWS_AS(
      OneLayer(10, "MaxPool", {{"kernel", "2,2"}, {"pads_begin", "-1,0"}}).input({1, 2, 8, 8}).graph(),
      UnsupportedError);
}

TEST_CASE("the newest meaning up to the operation set counts", "[opset]") {
  const auto pool = [](const char* opset, const char* dilations) {
    const Graph g =
        unary("MaxPool", {{"kernel", "2,2"}, {"strides", "1,1"}, {"dilations", dilations}}, opset);
    return y(g).attributes.as<PoolingAttributes>().dilations;
  };
  CHECK(pool("opset1", "2.0,2.0") == std::vector<std::int64_t>{1, 1});
  CHECK(pool("opset5", "2,2") == std::vector<std::int64_t>{1, 1});
  CHECK(pool("opset8", "2,2") == std::vector<std::int64_t>{2, 2});
  CHECK(pool("opset14", "2,2") == std::vector<std::int64_t>{2, 2});
  CHECK_THROWS_WITH(unary("HSwish", {}, "opset1"), Contains("HSwish-opset1"));
  CHECK_NOTHROW(unary("HSwish", {}, "opset4"));
  for (const char* opset : {"opset", "opset0", "opset1x", "experimental", ""})
    CHECK_THROWS_AS(unary("ReLU", {}, opset), UnsupportedError);
}

TEST_CASE("opset pooling", "[opset]") {
  const auto pool = [](const char* type, Pairs more) {
    Pairs attributes = {{"kernel", "2,2"}, {"strides", "2,2"}, {"pads_begin", "0,0"}, {"pads_end", "0,0"}};
    attributes.insert(attributes.end(), more.begin(), more.end());
    return OneLayer(10, type, attributes, "opset14").input({1, 2, 5, 5}).graph();
  };
  const auto attributes = [](const Graph& g) { return y(g).attributes.as<PoolingAttributes>(); };
  CHECK(output_shape(pool("MaxPool", {})) == Shape{1, 2, 2, 2});
  CHECK(output_shape(pool("MaxPool", {{"rounding_type", "ceil"}})) == Shape{1, 2, 3, 3});
  CHECK(attributes(pool("MaxPool", {{"rounding_type", "ceil_torch"}})).rounding == "ceil_clipped");
  CHECK(output_shape(pool("MaxPool", {{"auto_pad", "same_upper"}})) == Shape{1, 2, 3, 3});
  CHECK(attributes(pool("AvgPool", {{"exclude-pad", "false"}})).exclude_pad);
  Pairs padded = {{"kernel", "2,2"},
                  {"strides", "2,2"},
                  {"pads_begin", "1,1"},
                  {"pads_end", "0,0"},
                  {"exclude-pad", "false"}};
  const Graph average = OneLayer(10, "AvgPool", padded).input({1, 2, 5, 5}).graph();
  CHECK_FALSE(attributes(average).exclude_pad);
  CHECK_FALSE(attributes(average).clip_divisor);
  CHECK_THROWS_AS(pool("MaxPool", {{"rounding_type", "round"}}), FormatError);
}

TEST_CASE("opset activations", "[opset]") {
  struct Case {
    const char* type;
    const char* opset;
    Pairs attributes;
    const char* function;
    double alpha, beta;
  };
  const Case cases[] = {
      {"ReLU", "opset1", {}, "relu", 0, 0},
      {"Clamp", "opset1", {{"min", "[0.]"}, {"max", "[6.]"}}, "clamp", 0, 6},
      {"Sigmoid", "opset1", {}, "sigmoid", 0, 0},
      {"Elu", "opset1", {{"alpha", "0.5"}}, "elu", 0.5, 0},
      {"Exp", "opset1", {}, "exp", 0, 0},
      {"Floor", "opset1", {}, "floor", 0, 0},
      {"Ceiling", "opset1", {}, "ceil", 0, 0},
      {"Swish", "opset4", {}, "swish", 1, 0},
      {"HSigmoid", "opset5", {}, "hsigmoid", 0, 0},
      {"Gelu", "opset2", {}, "gelu", 0, 0},
      {"Gelu", "opset7", {{"approximation_mode", "TANH"}}, "gelu_tanh", 0, 0},
      {"SoftPlus", "opset4", {}, "softplus", 0, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.type, c.opset);
    const Graph g = unary(c.type, c.attributes, c.opset);
    const auto& a = y(g).attributes.as<ActivationAttributes>();
    CHECK(a.function == c.function);
    CHECK(a.alpha == c.alpha);
    CHECK(a.beta == c.beta);
  }
  const Graph hard = OneLayer(10, "HardSigmoid", {})
                         .input({1, 2})
                         .constant<float>({}, {0.25f})
                         .constant<float>({}, {0.5f})
                         .graph();
  CHECK(y(hard).attributes.as<ActivationAttributes>().alpha == 0.25);
  const Graph prelu =
      OneLayer(10, "PReLU", {}).input({1, 3, 2, 2}).constant<float>({1, 3, 1, 1}, {1, 2, 3}).graph();
  CHECK(prelu.value(y(prelu).inputs[1]).shape == Shape{3});
  const Graph columns =
      OneLayer(10, "PReLU", {}).input({1, 2, 2, 2}).constant<float>({1, 1, 1, 2}, {1, 2}).graph();
  CHECK(y(columns).attributes.as<EltwiseAttributes>().operation == "prelu");
}

TEST_CASE("opset element-wise operations", "[opset]") {
  const auto operation = [](const char* type) {
    const Graph g = OneLayer(10, type, {}).input({1, 2, 3}).input({3}).graph();
    CHECK(output_shape(g) == Shape{1, 2, 3});
    return y(g).attributes.as<EltwiseAttributes>().operation;
  };
  CHECK(operation("Add") == "add");
  CHECK(operation("Subtract") == "sub");
  CHECK(operation("Multiply") == "mul");
  CHECK(operation("Divide") == "div");
  CHECK(operation("Maximum") == "max");
  CHECK(operation("SquaredDifference") == "squared_difference");
  CHECK_THROWS_AS(OneLayer(10, "Add", {}).input({1, 2}).input({1, 3}).graph(), FormatError);
  // Version 1 has its data in the third place.
  const std::vector<float> gamma = {2}, beta = {3}, mean = {4}, variance = {15};
  const Graph norm = OneLayer(10, "BatchNormInference", {{"epsilon", "1"}}, "opset5")
                         .input({1, 1, 2, 2})
                         .constant<float>({1}, gamma)
                         .constant<float>({1}, beta)
                         .constant<float>({1}, mean)
                         .constant<float>({1}, variance)
                         .graph();
  CHECK(input_floats(norm, y(norm), 1) == std::vector<float>{0.5f});
  CHECK(input_floats(norm, y(norm), 2) == std::vector<float>{1.0f});
}

TEST_CASE("opset layers that move data", "[opset]") {
  CHECK(output_shape(
            OneLayer(10, "Reshape", {{"special_zero", "true"}}).input({2, 3, 4}).ints({0, -1}).graph()) ==
        Shape{2, 12});
  CHECK_THROWS_AS(OneLayer(10, "Reshape", {{"special_zero", "false"}}).input({2, 3, 4}).ints({0, -1}).graph(),
                  FormatError);
  CHECK(output_shape(OneLayer(10, "Squeeze", {}).input({1, 3, 1}).graph()) == Shape{3});
  CHECK(output_shape(OneLayer(10, "Squeeze", {}).input({1, 3, 1}).ints({0}).graph()) == Shape{3, 1});
  CHECK(output_shape(OneLayer(10, "Unsqueeze", {}).input({3}).ints({-1, 0}).graph()) == Shape{1, 3, 1});
  CHECK(output_shape(OneLayer(10, "Transpose", {}).input({1, 2, 3}).ints({2, 0, 1}).graph()) ==
        Shape{3, 1, 2});
  CHECK(output_shape(OneLayer(10, "Transpose", {}).input({1, 2, 3}).ints({}).graph()) == Shape{3, 2, 1});
  CHECK(output_shape(OneLayer(10, "Concat", {{"axis", "-1"}}).input({1, 2}).input({1, 3}).graph()) ==
        Shape{1, 5});
  CHECK(output_shape(
            OneLayer(10, "ReduceMean", {{"keep_dims", "true"}}).input({1, 2, 3, 4}).ints({2, -1}).graph()) ==
        Shape{1, 2, 1, 1});
  CHECK(output_shape(OneLayer(10, "ReduceSum", {}).input({1, 2, 3, 4}).ints({1}).graph()) == Shape{1, 3, 4});
  CHECK(output_shape(OneLayer(10, "ReduceSum", {}).input({1, 2}).ints({}).graph()) == Shape{1, 2});
  CHECK(output_shape(OneLayer(10, "SoftMax", {{"axis", "-1"}}, "opset8").input({1, 2}).graph()) ==
        Shape{1, 2});
  CHECK(output_shape(OneLayer(10, "Gather", {}, "opset8")
                         .input({5, 3})
                         .ints({1, 1})
                         .constant<std::int64_t>({}, {0})
                         .graph()) == Shape{2, 3});
  CHECK(output_shape(OneLayer(10, "StridedSlice", {{"begin_mask", "0,1"}, {"end_mask", "0,1"}})
                         .input({4, 6})
                         .ints({1, 2})
                         .ints({3, 5})
                         .graph()) == Shape{2, 6});
  CHECK(output_shape(OneLayer(11, "Slice", {}, "opset8")
                         .input({4, 6})
                         .ints({1})
                         .ints({-1})
                         .ints({2})
                         .ints({1})
                         .graph()) == Shape{4, 2});
  CHECK(output_shape(OneLayer(10, "MatMul", {{"transpose_b", "true"}})
                         .input({2, 3})
                         .constant<float>({4, 3}, ramp(12))
                         .graph()) == Shape{2, 4});
  CHECK_THROWS_AS(OneLayer(10, "Squeeze", {}).input({1, 3}).ints({1}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(10, "Unsqueeze", {}).input({3}).ints({0, 0}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(10, "Transpose", {}).input({1, 2}).input({2}).graph(), UnsupportedError);
}

TEST_CASE("opset splits", "[opset]") {
  const Graph even = OneLayer(10, "Split", {{"num_splits", "2"}})
                         .input({1, 6})
                         .ints({1})
                         .output({1, 3})
                         .output({1, 3})
                         .graph();
  REQUIRE(even.outputs.size() == 2);
  CHECK(even.value(even.outputs[1]).name == "y.1");
  const Graph free = OneLayer(10, "VariadicSplit", {})
                         .input({1, 6})
                         .ints({-1})
                         .ints({2, -1, 1})
                         .output({})
                         .output({})
                         .output({})
                         .graph();
  CHECK(output_shape(free, 1) == Shape{1, 3});
  CHECK_THROWS_AS(OneLayer(10, "Split", {{"num_splits", "4"}}).input({1, 6}).ints({1}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(10, "VariadicSplit", {}).input({1, 6}).ints({1}).ints({2, 3}).graph(),
                  FormatError);
  CHECK_THROWS_AS(OneLayer(10, "VariadicSplit", {}).input({1, 6}).ints({1}).ints({-1, -1}).graph(),
                  FormatError);
}

TEST_CASE("a FakeQuantize stays a node", "[opset]") {
  const auto quantize = [](const char* levels) {
    OneLayer layer(10, "FakeQuantize", {{"levels", levels}});
    layer.input({1, 2, 3, 3});
    for (const float limit : {0.0f, 1.0f, 0.0f, 1.0f}) layer.constant<float>({}, {limit});
    return layer.graph();
  };
  const Graph g = quantize("256");
  CHECK(y(g).op == "FakeQuantize");
  CHECK(y(g).attributes.as<FakeQuantizeAttributes>().levels == 256);
  CHECK_THROWS_AS(quantize("1"), FormatError);
  CHECK_THROWS_AS(quantize(""), FormatError);
}

TEST_CASE("layers that no result needs are dropped, known or not", "[opset]") {
  ir::Document d = OneLayer(10, "ReLU", {}).input({1, 2}).document();
  ir::Layer loose;
  loose.id = 77;
  loose.name = "loose";
  loose.type = "Mystery";
  loose.version = "opset1";
  loose.inputs.push_back({0, "FP32", {1, 2}, "", ""});
  d.edges.push_back({0, 0, 77, 0});
  d.layers.push_back(loose);
  CHECK(ir::to_graph(d).order().size() == 1);
}

TEST_CASE("maximum pooling gives indices where they are read", "[opset]") {
  const auto layer = [](Pairs extra) {
    Pairs all = {{"kernel", "2,2"}, {"strides", "1,1"}};
    all.insert(all.end(), extra.begin(), extra.end());
    OneLayer result(11, "MaxPool", all, "opset8");
    result.input({1, 2, 3, 4}).output({1, 2, 2, 3}).output({1, 2, 2, 3});
    return result;
  };
  const Graph wide = layer({}).graph();
  REQUIRE(wide.outputs.size() == 2);
  CHECK(wide.value(wide.outputs[0]).name == "y");
  CHECK(wide.value(wide.outputs[1]).name == "y.1");
  CHECK(wide.value(wide.outputs[1]).dtype == DType::i64);
  CHECK(output_shape(wide, 1) == Shape{1, 2, 2, 3});
  const Graph narrow = layer({{"index_element_type", "i32"}, {"axis", "-2"}, {"dilations", "2,1"}}).graph();
  CHECK(narrow.value(narrow.outputs[1]).dtype == DType::i32);
  CHECK(output_shape(narrow, 1) == Shape{1, 2, 1, 3});
  CHECK(node_named(narrow, "y.1").attributes.as<PoolingIndicesAttributes>().axis == 2);
  CHECK_THROWS_AS(layer({{"index_element_type", "f32"}}).graph(), FormatError);
  CHECK_THROWS_AS(layer({{"axis", "4"}}).graph(), FormatError);
}

TEST_CASE("adaptive pooling", "[opset]") {
  const auto layer = [](const char* type, const std::vector<std::int64_t>& sizes) {
    OneLayer result(11, type, {}, "opset8");
    return result.input({1, 2, 6, 8}).ints(sizes).graph();
  };
  const Graph bins = layer("AdaptiveAvgPool", {4, 3});
  CHECK(output_shape(bins) == Shape{1, 2, 4, 3});
  CHECK(y(bins).attributes.as<PoolingAttributes>().method == "avg");
  CHECK(y(bins).attributes.as<PoolingAttributes>().bins == std::vector<std::int64_t>{4, 3});
  // Bins of equal size are an ordinary pooling.
  const Graph equal = layer("AdaptiveMaxPool", {3, 2});
  CHECK(output_shape(equal) == Shape{1, 2, 3, 2});
  CHECK(y(equal).attributes.as<PoolingAttributes>().bins.empty());
  CHECK(y(equal).attributes.as<PoolingAttributes>().kernel == std::vector<std::int64_t>{2, 4});
  CHECK_THROWS_AS(layer("AdaptiveMaxPool", {3}), FormatError);
  CHECK_THROWS_AS(layer("AdaptiveAvgPool", {0, 2}), FormatError);
  CHECK_THROWS_AS(OneLayer(10, "AdaptiveAvgPool", {}, "opset7").input({1, 2, 6, 8}).ints({1, 1}).graph(),
                  UnsupportedError);
}
