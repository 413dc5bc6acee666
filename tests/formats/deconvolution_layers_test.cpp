#include <numeric>

#include "engine/core/error.h"
#include "engine/ops/convolution.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Sizes = std::vector<std::int64_t>;

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

const ConvolutionAttributes& attributes(const Graph& graph) {
  const Node& node = node_named(graph, "y");
  CHECK(node.op == "Deconvolution");
  return node.attributes.as<ConvolutionAttributes>();
}

/// A legacy layer on [1, 4, 3, 5] with kernel 3x4 and stride 2x3.
OneLayer legacy(Pairs extra) {
  Pairs all = {{"output", "6"}, {"kernel", "3,4"}, {"strides", "2,3"}};
  all.insert(all.end(), extra.begin(), extra.end());
  OneLayer layer(6, "Deconvolution", all);
  layer.input({1, 4, 3, 5});
  return layer;
}

/// An opset layer on [1, 4, 3, 5] with kernel 3x4 and stride 2x3.
Graph opset(Pairs extra, Sizes wanted = {}) {
  Pairs all = {{"strides", "2,3"}, {"dilations", "1,1"}};
  all.insert(all.end(), extra.begin(), extra.end());
  OneLayer layer(10, "ConvolutionBackpropData", all);
  layer.input({1, 4, 3, 5}).constant<float>({4, 6, 3, 4}, ramp(288));
  if (!wanted.empty()) layer.ints(wanted);
  return layer.graph();
}

}  // namespace

TEST_CASE("legacy deconvolutions", "[legacy][deconvolution]") {
  const std::vector<float> w = ramp(288), b = ramp(6);
  const Graph plain =
      legacy({{"pads_begin", "1,0"}, {"pads_end", "0,2"}}).blob("weights", w).blob("biases", b).graph();
  CHECK(output_shape(plain) == Shape{1, 6, 6, 14});
  CHECK(plain.value(node_named(plain, "y").inputs[1]).shape == Shape{1, 4, 6, 3, 4});
  CHECK(input_floats(plain, node_named(plain, "y"), 1) == w);
  CHECK(input_floats(plain, node_named(plain, "y"), 2) == b);
  CHECK(attributes(plain).pads_begin == Sizes{1, 0});
  CHECK(attributes(plain).pads_end == Sizes{0, 2});

  const Graph grouped = legacy({{"group", "2"}}).blob("weights", ramp(144)).graph();
  CHECK(grouped.value(node_named(grouped, "y").inputs[1]).shape == Shape{2, 2, 3, 3, 4});
  CHECK(output_shape(grouped) == Shape{1, 6, 7, 16});

  // same_*: the output is input times stride; kernel 3 and stride 2 leave one row to cut, kernel 4 and stride 3 one column.
  const Graph upper = legacy({{"auto_pad", "same_upper"}, {"pads_begin", "7,7"}}).blob("weights", w).graph();
  CHECK(output_shape(upper) == Shape{1, 6, 6, 15});
  CHECK(attributes(upper).pads_begin == Sizes{0, 0});
  CHECK(attributes(upper).pads_end == Sizes{1, 1});
  const Graph lower = legacy({{"auto_pad", "same_lower"}}).blob("weights", w).graph();
  CHECK(attributes(lower).pads_begin == Sizes{1, 1});
  CHECK(attributes(lower).pads_end == Sizes{0, 0});
  CHECK(output_shape(legacy({{"auto_pad", "valid"}, {"pads_begin", "1,1"}}).blob("weights", w).graph()) ==
        Shape{1, 6, 7, 16});
  // A kernel smaller than the stride: the output goes on behind it.
  const Graph sparse =
      OneLayer(6, "Deconvolution",
               {{"output", "2"}, {"kernel", "1,1"}, {"strides", "3,3"}, {"auto_pad", "same_upper"}})
          .input({1, 1, 2, 2})
          .blob("weights", {1, 2})
          .graph();
  CHECK(output_shape(sparse) == Shape{1, 2, 6, 6});
  CHECK(attributes(sparse).pads_end == Sizes{-2, -2});
}

TEST_CASE("the declared size of a legacy deconvolution is trusted within a stride",
          "[legacy][deconvolution]") {
  const std::vector<float> w = ramp(288);
  const Graph padded = legacy({{"pads_begin", "1,1"}}).blob("weights", w).output({1, 6, 6, 16}).graph();
  CHECK(output_shape(padded) == Shape{1, 6, 6, 16});
  CHECK(attributes(padded).pads_begin == Sizes{1, 1});
  CHECK(attributes(padded).pads_end == Sizes{0, -1});
  CHECK_THROWS_WITH(legacy({}).blob("weights", w).output({1, 6, 7, 30}).graph(),
                    Contains("declares the shape"));
}

TEST_CASE("legacy deconvolutions of other generations and dimensions", "[legacy][deconvolution]") {
  const Graph v2 = OneLayer(2, "Deconvolution",
                            {{"output", "3"},
                             {"kernel-x", "4"},
                             {"kernel-y", "3"},
                             {"stride-x", "2"},
                             {"pad-x", "1"},
                             {"pad-r", "0"},
                             {"group", "3"}})
                       .input({1, 3, 5, 5})
                       .blob("weights", ramp(36))
                       .graph();
  CHECK(v2.value(node_named(v2, "y").inputs[1]).shape == Shape{3, 1, 1, 3, 4});
  CHECK(output_shape(v2) == Shape{1, 3, 7, 11});
  const Graph v7 = OneLayer(7, "Deconvolution", {{"output", "2"}, {"kernel", "2,2"}, {"strides", "2,2"}})
                       .input({1, 3, 4, 4})
                       .constant<float>({3, 2, 2, 2}, ramp(24))
                       .constant<float>({2}, {5, 6})
                       .graph();
  CHECK(output_shape(v7) == Shape{1, 2, 8, 8});
  CHECK(input_floats(v7, node_named(v7, "y"), 2) == std::vector<float>{5, 6});
  CHECK(output_shape(OneLayer(6, "Deconvolution", {{"output", "2"}, {"kernel", "4"}, {"strides", "2"}})
                         .input({1, 3, 9})
                         .blob("weights", ramp(24))
                         .graph()) == Shape{1, 2, 20});
  CHECK(
      output_shape(OneLayer(6, "Deconvolution", {{"output", "2"}, {"kernel", "2,2,2"}, {"strides", "2,2,2"}})
                       .input({1, 3, 2, 3, 4})
                       .blob("weights", ramp(48))
                       .graph()) == Shape{1, 2, 4, 6, 8});
  CHECK_THROWS_AS(legacy({}).graph(), FormatError);
  CHECK_THROWS_AS(legacy({{"group", "3"}}).blob("weights", ramp(96)).graph(), FormatError);
  CHECK_THROWS_AS(legacy({{"pads_begin", "9,9"}, {"pads_end", "9,9"}}).blob("weights", ramp(288)).graph(),
                  FormatError);
}

TEST_CASE("opset transposed convolutions", "[opset][deconvolution]") {
  const Graph plain = opset({{"pads_begin", "1,0"}, {"pads_end", "0,2"}, {"output_padding", "1,0"}});
  CHECK(plain.value(node_named(plain, "y").inputs[1]).shape == Shape{1, 4, 6, 3, 4});
  CHECK(output_shape(plain) == Shape{1, 6, 7, 14});
  CHECK(attributes(plain).pads_begin == Sizes{1, 0});
  CHECK(attributes(plain).pads_end == Sizes{-1, 2});

  // Without output_shape, auto_pad means no pads at all.
  for (const char* word : {"same_upper", "same_lower", "valid"})
    CHECK(output_shape(opset({{"auto_pad", word}, {"pads_begin", "1,1"}})) == Shape{1, 6, 7, 16});

  struct Case {
    Pairs attributes;
    Sizes begin, end;
  };
  const Case cases[] = {
      {{{"auto_pad", "explicit"}, {"pads_begin", "1,0"}, {"pads_end", "9,9"}}, {1, 0}, {0, 3}},
      {{{"auto_pad", "valid"}, {"pads_begin", "1,1"}}, {0, 0}, {1, 3}},
      {{{"auto_pad", "same_upper"}}, {1, 2}, {0, 1}},
      {{{"auto_pad", "same_lower"}}, {0, 1}, {1, 2}},
      {{{"auto_pad", "same_upper"}, {"output_padding", "1,1"}}, {1, 2}, {0, 1}},
      {{{"auto_pad", "same_lower"}, {"output_padding", "1,1"}}, {1, 2}, {0, 1}}};
  for (const Case& c : cases) {
    INFO(c.attributes.front().second);
    const Graph graph = opset(c.attributes, {6, 13});
    CHECK(output_shape(graph) == Shape{1, 6, 6, 13});
    CHECK(attributes(graph).pads_begin == c.begin);
    CHECK(attributes(graph).pads_end == c.end);
  }

  const Graph grouped = OneLayer(11, "GroupConvolutionBackpropData", {{"strides", "2,2"}})
                            .input({1, 4, 3, 5})
                            .constant<float>({2, 2, 3, 2, 2}, ramp(48))
                            .graph();
  CHECK(grouped.value(node_named(grouped, "y").inputs[1]).shape == Shape{2, 2, 3, 2, 2});
  CHECK(output_shape(grouped) == Shape{1, 6, 6, 10});

  CHECK_THROWS_AS(opset({}, {6}), FormatError);
  CHECK_THROWS_AS(opset({}, {6, -1}), FormatError);
  CHECK_THROWS_AS(opset({{"output_padding", "-1,0"}}), FormatError);
  CHECK_THROWS_AS(opset({{"auto_pad", "sometimes"}}), FormatError);
  CHECK_THROWS_AS(opset({{"pads_begin", "99,99"}}), FormatError);
}

TEST_CASE("deformable and binary convolutions are named in the error", "[opset][legacy]") {
  CHECK_THROWS_WITH(OneLayer(10, "DeformableConvolution", {}).input({1, 2, 4, 4}).graph(),
                    Contains("DeformableConvolution"));
  CHECK_THROWS_WITH(OneLayer(6, "BinaryConvolution", {}).input({1, 2, 4, 4}).graph(),
                    Contains("BinaryConvolution"));
}
