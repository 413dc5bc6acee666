#include <cmath>

#include "engine/core/error.h"
#include "engine/ops/activation.h"
#include "engine/ops/convolution.h"
#include "engine/ops/eltwise.h"
#include "engine/ops/movement.h"
#include "engine/ops/pooling.h"
#include "tests/formats/files.h"
#include "tests/formats/one_layer.h"
#include "tests/formats/run_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

const Node& y(const Graph& graph) {
  return node_named(graph, "y");
}

}  // namespace

TEST_CASE("legacy convolutions get grouped weights and resolved padding", "[legacy]") {
  const auto conv = [](Pairs more) {
    Pairs attributes = {{"kernel", "3,3"}, {"output", "4"}, {"group", "2"}};
    attributes.insert(attributes.end(), more.begin(), more.end());
    return OneLayer(6, "convolution", attributes)
        .input({1, 2, 7, 8})
        .blob("weights", ramp(36))
        .blob("biases", ramp(4))
        .graph();
  };
  const Graph plain = conv({});
  CHECK(plain.value(y(plain).inputs[1]).shape == Shape{2, 2, 1, 3, 3});
  CHECK(plain.value(y(plain).inputs[1]).name == "y/weights");
  CHECK(input_floats(plain, y(plain), 2) == ramp(4));
  CHECK(output_shape(plain) == Shape{1, 4, 5, 6});
  // pads_end falls back to pads_begin; a dilation of 0 counts as 1.
  CHECK(output_shape(conv({{"pads_begin", "1,1"}, {"dilations", "0,1"}})) == Shape{1, 4, 7, 8});
  const Graph upper = conv({{"auto_pad", "same_upper"}, {"strides", "2,2"}, {"pads_begin", "9,9"}});
  const auto& a = y(upper).attributes.as<ConvolutionAttributes>();
  CHECK(a.pads_begin == std::vector<std::int64_t>{1, 0});
  CHECK(a.pads_end == std::vector<std::int64_t>{1, 1});
  CHECK(output_shape(upper) == Shape{1, 4, 4, 4});
  const Graph lower = conv({{"auto_pad", "SAME_LOWER"}, {"strides", "2,2"}});
  CHECK(y(lower).attributes.as<ConvolutionAttributes>().pads_begin == std::vector<std::int64_t>{1, 1});
  CHECK(output_shape(conv({{"auto_pad", "valid"}, {"pads_begin", "5,5"}})) == Shape{1, 4, 5, 6});
}

TEST_CASE("v7 convolutions take weights and bias as inputs", "[legacy]") {
  const Graph g = OneLayer(7, "Convolution", {{"kernel", "1,1"}, {"output", "4"}, {"group", "2"}})
                      .input({1, 2, 3, 3})
                      .constant<float>({4, 1, 1, 1}, ramp(4))
                      .constant<float>({4}, ramp(4))
                      .output({1, 4, 3, 3})
                      .graph();
  CHECK(g.value(y(g).inputs[1]).shape == Shape{2, 2, 1, 1, 1});
  CHECK(input_floats(g, y(g), 1) == ramp(4));
  CHECK(g.value(y(g).inputs[2]).shape == Shape{4});
}

TEST_CASE("v7 layers take weights and biases that are computed", "[legacy]") {
  // Inputs hold 0, 1, 2 …: x is 0 1 2 3 in two channels, weights 0 1 2 3 per output and channel, biases 0 1.
  const std::vector<float> convolved{2, 3, 6 + 1, 11 + 1};
  const Pairs pairs{{"kernel", "1,1"}, {"output", "2"}};
  const auto layer = [&](const char* type) {
    return OneLayer(7, type, pairs).input({1, 2, 1, 2}).input({2, 2, 1, 1}).input({2}).output({1, 2, 1, 2});
  };
  CHECK(run_layer(layer("Convolution").graph()) == convolved);
  CHECK(y(layer("Convolution").graph()).op == "Eltwise");
  CHECK(run_layer(layer("Deconvolution").graph()) == std::vector<float>{4, 6, 6 + 1, 10 + 1});
  const OneLayer dense = OneLayer(7, "FullyConnected", {{"out-size", "2"}})
                             .input({2, 2})
                             .input({2, 2})
                             .constant<float>({2}, {10, 20})
                             .output({2, 2});
  CHECK(run_layer(dense.graph()) == std::vector<float>{11, 23, 13, 33});
}

TEST_CASE("a fully connected layer is a flattening and a matrix product", "[legacy]") {
  const Graph g = OneLayer(6, "FullyConnected", {{"out-size", "5"}})
                      .input({2, 3, 2, 1})
                      .blob("weights", ramp(30))
                      .blob("biases", ramp(5))
                      .output({2, 5})
                      .graph();
  CHECK(y(g).op == "MatMul");
  CHECK(y(g).attributes.as<MatMulAttributes>().transpose_b);
  CHECK(g.value(y(g).inputs[1]).shape == Shape{5, 6});
  CHECK(node_named(g, "y/flatten").op == "Reshape");
  const Graph flat =
      OneLayer(6, "InnerProduct", {{"out-size", "5"}}).input({2, 6}).blob("weights", ramp(30)).graph();
  CHECK(flat.order().size() == 1);
  CHECK(y(flat).inputs.size() == 2);
}

TEST_CASE("legacy pooling follows its own rules of rounding and division", "[legacy]") {
  const auto pool = [](Pairs more, const Shape& shape) {
    Pairs attributes = {{"kernel", "3,3"}, {"strides", "2,2"}};
    attributes.insert(attributes.end(), more.begin(), more.end());
    return OneLayer(6, "Pooling", attributes).input(shape).graph();
  };
  const auto attributes = [](const Graph& g) { return y(g).attributes.as<PoolingAttributes>(); };
  const Graph ceil = pool({}, {1, 2, 8, 8});
  CHECK(attributes(ceil).method == "max");
  CHECK(attributes(ceil).rounding == "ceil_clipped");
  CHECK(output_shape(ceil) == Shape{1, 2, 4, 4});
  CHECK(output_shape(pool({{"rounding_type", "floor"}}, {1, 2, 8, 8})) == Shape{1, 2, 3, 3});
  // The window that would start behind input plus begin padding is dropped.
  CHECK(output_shape(pool({{"kernel", "1,1"}, {"strides", "4,4"}, {"pads_begin", "1,1"}, {"pads_end", "3,3"}},
                          {1, 1, 5, 5})) == Shape{1, 1, 3, 3});
  const Graph average = pool({{"pool-method", "avg"}, {"pads_begin", "1,1"}}, {1, 2, 8, 8});
  CHECK(attributes(average).method == "avg");
  CHECK_FALSE(attributes(average).exclude_pad);
  CHECK(attributes(average).clip_divisor);
  CHECK(attributes(average).pads_end == std::vector<std::int64_t>{1, 1});
  CHECK(attributes(pool({{"pool-method", "avg"}}, {1, 2, 8, 8})).exclude_pad);
  CHECK(
      attributes(pool({{"pool-method", "avg"}, {"pads_begin", "1,1"}, {"exclude-pad", "True"}}, {1, 2, 8, 8}))
          .exclude_pad);
  CHECK(output_shape(pool({{"auto_pad", "same_upper"}}, {1, 2, 7, 7})) == Shape{1, 2, 4, 4});
  CHECK(output_shape(pool({{"auto_pad", "valid"}}, {1, 2, 8, 8})) == Shape{1, 2, 3, 3});
  CHECK_THROWS_AS(pool({{"pool-method", "median"}}, {1, 2, 8, 8}), FormatError);
  CHECK_THROWS_AS(pool({{"rounding_type", "up"}}, {1, 2, 8, 8}), FormatError);
}

TEST_CASE("legacy activations", "[legacy]") {
  struct Case {
    const char* type;
    Pairs attributes;
    const char* function;
    double alpha, beta;
  };
  const Case cases[] = {
      {"ReLU", {}, "relu", 0, 0},
      {"relu", {{"negative_slope", "0.1"}}, "leaky_relu", 0.1, 0},
      {"ReLU6", {}, "clamp", 0, 6},
      {"Clamp", {{"min", "[-1.]"}, {"max", "[2.]"}}, "clamp", -1, 2},
      {"Activation", {{"type", "Sigmoid"}}, "sigmoid", 0, 0},
      {"Activation", {{"type", "elu"}, {"alpha", "0.5"}}, "elu", 0.5, 0},
      {"Activation", {{"type", "clamp"}, {"min", "0"}, {"max", "1"}}, "clamp", 0, 1},
      {"logistic", {}, "sigmoid", 0, 0},
      {"TanH", {}, "tanh", 0, 0},
      {"Exp", {}, "exp", 0, 0},
      {"Linear", {{"alpha", "2"}}, "linear", 2, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.type, c.function);
    const Graph g = OneLayer(5, c.type, c.attributes).input({1, 2}).graph();
    const auto& a = y(g).attributes.as<ActivationAttributes>();
    CHECK(a.function == c.function);
    CHECK(a.alpha == c.alpha);
    CHECK(a.beta == c.beta);
  }
  CHECK_THROWS_AS(OneLayer(5, "Activation", {{"type", "wobble"}}).input({1, 2}).graph(), UnsupportedError);
  CHECK_THROWS_AS(OneLayer(5, "Activation", {{"type", "activation"}}).input({1, 2}).graph(),
                  UnsupportedError);
  CHECK_THROWS_AS(OneLayer(5, "Activation", {}).input({1, 2}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(5, "Clamp", {{"min", "1"}, {"max", "0"}}).input({1, 2}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(5, "Clamp", {{"min", "1"}}).input({1, 2}).graph(), FormatError);
}

TEST_CASE("PReLU takes one slope or one per channel", "[legacy]") {
  const Graph shared =
      OneLayer(6, "PReLU", {{"channel_shared", "1"}}).input({1, 3, 2, 2}).blob("weights", {0.5f}).graph();
  CHECK(input_floats(shared, y(shared), 1) == std::vector<float>{0.5f});
  const Graph own = OneLayer(6, "PReLU", {}).input({1, 3, 2, 2}).blob("weights", {1, 2, 3}).graph();
  CHECK(own.value(y(own).inputs[1]).shape == Shape{3});
  CHECK_THROWS_AS(OneLayer(6, "PReLU", {}).input({1, 3, 2, 2}).blob("weights", {1, 2}).graph(),
                  UnsupportedError);
  CHECK_THROWS_AS(OneLayer(6, "PReLU", {}).input({1, 3, 2, 2}).graph(), FormatError);
}

TEST_CASE("scale, shift, batch normalization and power become affine functions", "[legacy]") {
  const Graph scale = OneLayer(6, "ScaleShift", {})
                          .input({1, 2, 1, 1})
                          .blob("weights", {2, 3})
                          .blob("biases", {4, 5})
                          .graph();
  CHECK(y(scale).op == "ChannelAffine");
  CHECK(input_floats(scale, y(scale), 1) == std::vector<float>{2, 3});
  CHECK(input_floats(scale, y(scale), 2) == std::vector<float>{4, 5});
  const Graph one = OneLayer(6, "ScaleShift", {}).input({1, 2, 1, 1}).blob("weights", {2}).graph();
  CHECK(input_floats(one, y(one), 1) == std::vector<float>{2});
  const Graph shift = OneLayer(6, "ScaleShift", {}).input({1, 2, 1, 1}).blob("biases", {4, 5}).graph();
  CHECK(input_floats(shift, y(shift), 1) == std::vector<float>{1});
  CHECK_THROWS_AS(OneLayer(6, "ScaleShift", {}).input({1, 2, 1, 1}).graph(), FormatError);
  const Graph inputs = OneLayer(7, "ScaleShift", {})
                           .input({1, 2, 1, 1})
                           .constant<float>({2}, {2, 3})
                           .constant<float>({2}, {4, 5})
                           .graph();
  CHECK(input_floats(inputs, y(inputs), 1) == std::vector<float>{2, 3});
  CHECK(input_floats(inputs, y(inputs), 2) == std::vector<float>{4, 5});
  // The blob `weights` is the variance, `biases` the mean.
  const Graph norm = OneLayer(6, "BatchNormalization", {{"epsilon", "1"}})
                         .input({1, 2, 1, 1})
                         .blob("weights", {3, 8})
                         .blob("biases", {10, -6})
                         .graph();
  CHECK(input_floats(norm, y(norm), 1) == std::vector<float>{0.5f, 1.0f / 3.0f});
  CHECK(input_floats(norm, y(norm), 2) == std::vector<float>{-5.0f, 2.0f});
  CHECK_THROWS_AS(OneLayer(6, "BatchNormalization", {{"epsilon", "0"}})
                      .input({1, 1, 1, 1})
                      .blob("weights", {0})
                      .blob("biases", {0})
                      .graph(),
                  FormatError);
  const Graph line =
      OneLayer(6, "Power", {{"power", "1"}, {"scale", "2"}, {"shift", "3"}}).input({1, 2}).graph();
  CHECK(y(line).op == "ChannelAffine");
  CHECK(input_floats(line, y(line), 2) == std::vector<float>{3});
  const Graph square =
      OneLayer(6, "Power", {{"power", "2"}, {"scale", "1"}, {"shift", "1"}}).input({1, 2}).graph();
  CHECK(y(square).attributes.as<ActivationAttributes>().function == "square");
  CHECK(node_named(square, "y/base").op == "ChannelAffine");
  const Graph root = OneLayer(6, "Power", {{"power", "0.5"}}).input({1, 2}).graph();
  CHECK(y(root).attributes.as<ActivationAttributes>().alpha == 0.5);
}

TEST_CASE("legacy element-wise operations", "[legacy]") {
  const auto operation = [](const char* word) {
    Pairs attributes;
    if (*word != 0) attributes = {{"operation", word}};
    const Graph g = OneLayer(6, "Eltwise", attributes).input({1, 2}).input({1, 2}).graph();
    return y(g).attributes.as<EltwiseAttributes>().operation;
  };
  CHECK(operation("") == "add");
  CHECK(operation("SUM") == "add");
  CHECK(operation("prod") == "mul");
  CHECK(operation("squared_diff") == "squared_difference");
  const Graph truth =
      OneLayer(6, "Eltwise", {{"operation", "greater_equal"}}).input({1, 2}).input({1, 2}).graph();
  CHECK(node_named(truth, "y/truth_1").attributes.as<EltwiseAttributes>().operation == "greater_equal");
  CHECK(y(truth).op == "Convert");
  CHECK_THROWS_AS(operation("median"), UnsupportedError);
  const Graph chain =
      OneLayer(6, "Eltwise", {{"operation", "max"}}).input({1, 2}).input({1, 2}).input({1, 2}).graph();
  CHECK(chain.order().size() == 2);
  CHECK(node_named(chain, "y/1").attributes.as<EltwiseAttributes>().operation == "max");
  const Graph weighted = OneLayer(6, "Eltwise", {{"coeff", "1,-0.5"}}).input({1, 2}).input({1, 2}).graph();
  CHECK(input_floats(weighted, node_named(weighted, "y/coeff_1"), 1) == std::vector<float>{-0.5f});
  CHECK(weighted.order().size() == 2);
  CHECK_THROWS_AS(OneLayer(6, "Eltwise", {{"coeff", "1"}}).input({1, 2}).input({1, 2}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(6, "Eltwise", {}).input({1, 2}).graph(), FormatError);
  CHECK(output_shape(OneLayer(6, "Eltwise", {}).input({1, 3, 4, 4}).input({1, 3, 1, 1}).graph()) ==
        Shape{1, 3, 4, 4});
}

TEST_CASE("legacy layers that move data", "[legacy]") {
  CHECK(output_shape(OneLayer(6, "Reshape", {{"dim", "0,-1"}}).input({2, 3, 4}).graph()) == Shape{2, 12});
  CHECK(output_shape(OneLayer(6, "Reshape", {}).input({2, 3, 4}).ints({0, -1}).graph()) == Shape{2, 12});
  CHECK(output_shape(OneLayer(6, "Reshape", {}).input({2, 6}).constant<float>({2}, {4.0f, 3.0f}).graph()) ==
        Shape{4, 3});
  CHECK(
      output_shape(
          OneLayer(2, "Reshape", {{"axis", "1"}, {"dim", "-1"}}).input({2, 3, 4}).output({2, 12}).graph()) ==
      Shape{2, 12});
  CHECK(output_shape(OneLayer(6, "Flatten", {{"axis", "1"}}).input({2, 3, 4}).graph()) == Shape{2, 12});
  CHECK(output_shape(OneLayer(6, "Flatten", {}).input({2, 3, 4}).graph()) == Shape{24});
  CHECK(output_shape(OneLayer(6, "Flatten", {{"axis", "0"}, {"end_axis", "1"}}).input({2, 3, 4}).graph()) ==
        Shape{6, 4});
  CHECK(output_shape(OneLayer(6, "Squeeze", {}).input({1, 3, 1}).ints({-1}).graph()) == Shape{1, 3});
  CHECK(output_shape(OneLayer(6, "Unsqueeze", {}).input({3, 4}).ints({0, 2}).graph()) == Shape{1, 3, 1, 4});
  CHECK(output_shape(OneLayer(6, "Permute", {{"order", "0,2,3,1"}}).input({1, 2, 3, 4}).graph()) ==
        Shape{1, 3, 4, 2});
  CHECK(output_shape(OneLayer(6, "Concat", {}).input({1, 2}).input({1, 3}).graph()) == Shape{1, 5});
  CHECK(output_shape(OneLayer(6, "SoftMax", {{"axis", "2"}}).input({1, 2, 3}).graph()) == Shape{1, 2, 3});
  CHECK(output_shape(OneLayer(6, "ReduceMean", {}).input({1, 2, 3, 4}).ints({2, 3}).graph()) ==
        Shape{1, 2, 1, 1});
  CHECK(output_shape(
            OneLayer(6, "ReduceMean", {{"keep_dims", "False"}}).input({1, 2, 3, 4}).ints({-1}).graph()) ==
        Shape{1, 2, 3});
  CHECK_THROWS_AS(OneLayer(6, "Permute", {{"order", "0,1"}}).input({1, 2, 3}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(6, "SoftMax", {{"axis", "3"}}).input({1, 2, 3}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(6, "Squeeze", {}).input({1, 3, 1}).ints({1}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(6, "Flatten", {{"axis", "2"}, {"end_axis", "1"}}).input({2, 3, 4}).graph(),
                  FormatError);
}

TEST_CASE("every unread output of a split is a network output", "[legacy]") {
  const Graph g = OneLayer(6, "Split", {{"axis", "1"}}).input({1, 5}).output({1, 2}).output({1, 3}).graph();
  REQUIRE(g.outputs.size() == 2);
  CHECK(g.value(g.outputs[0]).name == "y.0");
  CHECK(output_shape(g, 1) == Shape{1, 3});
  CHECK_THROWS_AS(OneLayer(6, "Split", {}).input({1, 5}).output({1, 2}).output({1, 2}).graph(), FormatError);
  CHECK_THROWS_AS(OneLayer(6, "Split", {}).input({1, 5}).output({5}).graph(), FormatError);
}

TEST_CASE("legacy slice masks are turned round", "[legacy]") {
  const auto slice = [](Pairs attributes) {
    return OneLayer(6, "StridedSlice", attributes).input({4, 6}).ints({1, 2}).ints({3, 5}).graph();
  };
  CHECK(output_shape(slice({})) == Shape{2, 3});
  CHECK(output_shape(slice({{"begin_mask", "0,1"}})) == Shape{3, 3});
  CHECK(output_shape(slice({{"begin_mask", "01"}, {"end_mask", "10"}})) == Shape{3, 4});
  CHECK(output_shape(slice({{"shrink_axis_mask", "1,0"}})) == Shape{3});
  CHECK_THROWS_AS(slice({{"begin_mask", "2"}}), FormatError);
}

TEST_CASE("inputs that no edge feeds become network inputs", "[legacy]") {
  ir::Document d = OneLayer(6, "ReLU", {}).input({1, 2}).document();
  d.edges.clear();
  d.layers.erase(d.layers.begin());
  const Graph g = ir::to_graph(d);
  REQUIRE(g.inputs.size() == 1);
  CHECK(g.value(g.inputs[0]).shape == Shape{1, 2});
  CHECK(g.value(g.inputs[0]).name == "y");
}

TEST_CASE("quantization_level keeps layers in float", "[legacy]") {
  for (const char* level : {"FP32", "fp16"}) {
    const Graph g = OneLayer(6, "ReLU", {{"quantization_level", level}}).input({1, 2}).graph();
    CHECK(y(g).hint == PrecisionHint::keep_float);
  }
  const Graph g = OneLayer(6, "ReLU", {{"quantization_level", "I8"}}).input({1, 2}).graph();
  CHECK(y(g).hint == PrecisionHint::automatic);
}

TEST_CASE("an identity keeps its own name", "[legacy]") {
  const Graph g = OneLayer(6, "Dropout", {}).input({1, 2}).graph();
  CHECK(g.value(g.outputs[0]).name == "y");
  CHECK(output_shape(g) == Shape{1, 2});
}

TEST_CASE("the declared size of a legacy window is trusted within one position", "[legacy]") {
  const auto convolution = [](const Shape& declared) {
    return OneLayer(6, "Convolution", {{"kernel", "3,3"}, {"strides", "2,2"}, {"output", "1"}})
        .input({1, 1, 8, 8})
        .blob("weights", std::vector<float>(9, 1.0F))
        .output(declared)
        .graph();
  };
  CHECK(output_shape(convolution({1, 1, 3, 3})) == Shape{1, 1, 3, 3});
  const Graph longer = convolution({1, 1, 4, 3});
  CHECK(output_shape(longer) == Shape{1, 1, 4, 3});
  CHECK(y(longer).attributes.as<ConvolutionAttributes>().pads_end == std::vector<std::int64_t>{1, 0});
  CHECK(output_shape(convolution({1, 1, 2, 4})) == Shape{1, 1, 2, 4});
  CHECK_THROWS_AS(convolution({1, 1, 5, 3}), FormatError);
  CHECK_THROWS_AS(convolution({1, 1, 1, 3}), FormatError);
  const auto pooling = [](const char* rounding, const Shape& declared) {
    return OneLayer(6, "Pooling", {{"kernel", "3,3"}, {"strides", "2,2"}, {"rounding_type", rounding}})
        .input({1, 1, 8, 8})
        .output(declared)
        .graph();
  };
  CHECK(output_shape(pooling("floor", {1, 1, 4, 3})) == Shape{1, 1, 4, 3});
  CHECK(output_shape(pooling("ceil", {1, 1, 3, 4})) == Shape{1, 1, 3, 4});
  CHECK(y(pooling("ceil", {1, 1, 4, 4})).attributes.as<PoolingAttributes>().rounding == "ceil_clipped");
  CHECK_THROWS_AS(pooling("floor", {1, 1, 5, 3}), FormatError);
  // same_lower rounds down in some writers.
  const Graph lower =
      OneLayer(6, "Pooling", {{"kernel", "2,2"}, {"strides", "2,2"}, {"auto_pad", "same_lower"}})
          .input({1, 1, 7, 7})
          .output({1, 1, 3, 3})
          .graph();
  CHECK(output_shape(lower) == Shape{1, 1, 3, 3});
}

TEST_CASE("pooling windows in Caffe's words", "[legacy]") {
  const Graph square =
      OneLayer(2, "Pooling",
               {{"kernel_size", "3"}, {"stride", "2"}, {"pad", "1"}, {"pool", "caffe.PoolingParameter.AVE"}})
          .input({1, 2, 8, 8})
          .graph();
  CHECK(output_shape(square) == Shape{1, 2, 5, 5});
  CHECK(y(square).attributes.as<PoolingAttributes>().method == "avg");
  CHECK(y(square).attributes.as<PoolingAttributes>().pads_end == std::vector<std::int64_t>{1, 1});
  const Graph wide =
      OneLayer(2, "Pooling",
               {{"kernel_h", "2"}, {"kernel_w", "4"}, {"stride_w", "4"}, {"pad_h", "1"}, {"pool", "MAX"}})
          .input({1, 2, 8, 8})
          .graph();
  CHECK(y(wide).attributes.as<PoolingAttributes>().kernel == std::vector<std::int64_t>{2, 4});
  CHECK(y(wide).attributes.as<PoolingAttributes>().strides == std::vector<std::int64_t>{1, 4});
  CHECK(y(wide).attributes.as<PoolingAttributes>().pads_begin == std::vector<std::int64_t>{1, 0});
  CHECK_THROWS_AS(OneLayer(2, "Pooling", {{"kernel_h", "2"}}).input({1, 2, 8, 8}).graph(), FormatError);
}

TEST_CASE("convolutions of one and three dimensions, and weights with a dimension of groups", "[legacy]") {
  const Graph line =
      OneLayer(6, "Convolution", {{"kernel", "3"}, {"output", "4"}, {"pads_begin", "-1"}, {"pads_end", "2"}})
          .input({2, 3, 9})
          .blob("weights", std::vector<float>(36, 1.0F))
          .graph();
  CHECK(output_shape(line) == Shape{2, 4, 8});
  const Graph volume =
      OneLayer(6, "Convolution", {{"kernel", "2,3,3"}, {"output", "2"}, {"auto_pad", "same_upper"}})
          .input({1, 1, 3, 4, 5})
          .blob("weights", std::vector<float>(36, 1.0F))
          .graph();
  CHECK(output_shape(volume) == Shape{1, 2, 3, 4, 5});
  const Graph grouped = OneLayer(7, "Convolution", {{"kernel", "1,1"}, {"output", "6"}, {"group", "3"}})
                            .input({1, 6, 4, 4})
                            .constant<float>({3, 2, 2, 1, 1}, std::vector<float>(12, 1.0F))
                            .graph();
  CHECK(grouped.value(y(grouped).inputs[1]).shape == Shape{3, 2, 2, 1, 1});
  CHECK(output_shape(grouped) == Shape{1, 6, 4, 4});
  // Three dimensions of a FullyConnected: the first is the batch.
  const Graph rows = OneLayer(6, "FullyConnected", {{"out-size", "2"}})
                         .input({5, 3, 4})
                         .blob("weights", std::vector<float>(24, 1.0F))
                         .graph();
  CHECK(output_shape(rows) == Shape{5, 2});
}
