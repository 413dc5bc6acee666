#include "engine/core/error.h"
#include "tests/formats/run_layer.h"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

using Floats = std::vector<float>;
using Ints = std::vector<std::int64_t>;

void check(const OneLayer& layer, const Shape& shape, const Floats& values) {
  const Graph graph = layer.graph();
  CHECK(output_shape(graph) == shape);
  CHECK(run_layer(graph) == values);
}

OneLayer legacy(const char* type, Pairs attributes, const Shape& in, const Shape& out) {
  return OneLayer(6, type, std::move(attributes)).input(in).output(out);
}

OneLayer opset(const char* type, Pairs attributes, const Shape& in, const char* set = "opset14") {
  return OneLayer(11, type, std::move(attributes), set).input(in);
}

}  // namespace

TEST_CASE("padding in both vocabularies", "[rearrange]") {
  const Floats constant{9, 0, 1, 2, 9, 9, 3, 4, 5, 9}, edge{0, 0, 1, 2, 2, 3, 3, 4, 5, 5},
      reflect{1, 0, 1, 2, 1, 4, 3, 4, 5, 4}, symmetric{0, 0, 1, 2, 2, 3, 3, 4, 5, 5};
  for (const auto& [mode, values] : {std::pair{"constant", constant}, std::pair{"edge", edge},
                                     std::pair{"reflect", reflect}, std::pair{"symmetric", symmetric}}) {
    INFO(mode);
    const Pairs pads{{"pads_begin", "0,1"}, {"pads_end", "0,1"}, {"pad_mode", mode}, {"pad_value", "9"}};
    check(legacy("Pad", pads, {2, 3}, {2, 5}), {2, 5}, values);
    check(opset("Pad", {{"pad_mode", mode}}, {2, 3}).ints({0, 1}).ints({0, 1}).constant<float>({}, {9}),
          {2, 5}, values);
  }
  check(legacy("Pad", {{"pads_begin", "0,1"}, {"pads_end", "0,0"}, {"mode", "edge"}}, {1, 3}, {1, 4}), {1, 4},
        {0, 0, 1, 2});
  check(opset("Pad", {{"pad_mode", "constant"}}, {2, 3}).ints({-1, 1}).ints({0, -2}), {1, 2}, {0, 3});
  CHECK_THROWS_WITH(opset("Pad", {}, {2, 3}).ints({0, 1}).ints({0, 1}).graph(), Contains("padding mode ''"));
  CHECK_THROWS_AS(opset("Pad", {{"pad_mode", "edge"}}, {2, 3}).ints({0}).ints({0, 1}).graph(), FormatError);
  CHECK_THROWS_WITH(
      opset("Pad", {{"pad_mode", "constant"}}, {2}).ints({0}).ints({1}).constant<float>({2}, {1, 2}).graph(),
      Contains("not a single number"));
}

TEST_CASE("the three forms of Crop", "[rearrange]") {
  const Floats middle{5, 6, 9, 10};
  check(legacy("Crop", {{"axis", "2,3"}, {"offset", "1,1"}, {"dim", "2,2"}}, {1, 1, 4, 4}, {1, 1, 2, 2}),
        {1, 1, 2, 2}, middle);
  check(legacy("Crop", {{"axis", "2,3"}, {"crop_begin", "1,1"}, {"crop_end", "1,1"}}, {1, 1, 4, 4},
               {1, 1, 2, 2}),
        {1, 1, 2, 2}, middle);
  check(legacy("Crop", {{"axis", "2,3"}, {"offset", "1"}}, {1, 1, 4, 4}, {1, 1, 2, 2}).input({1, 1, 2, 2}),
        {1, 1, 2, 2}, middle);
  for (const char* bad : {"5", "-1"})
    CHECK_THROWS_AS(
        legacy("Crop", {{"axis", "2"}, {"offset", bad}, {"dim", "2"}}, {1, 1, 4, 4}, {1, 1, 2, 4}).graph(),
        FormatError);
  CHECK_THROWS_WITH(legacy("Crop", {}, {1, 1, 4, 4}, {1, 1, 2, 4}).graph(), Contains("names no axis"));
  CHECK_THROWS_WITH(
      legacy("Crop", {{"axis", "2,3"}, {"offset", "1,1,1"}}, {1, 1, 4, 4}, {1, 1, 2, 4}).graph(),
      Contains("differ in length"));
  CHECK_THROWS_WITH(
      legacy("Crop", {{"axis", "2"}, {"crop_begin", "3"}, {"crop_end", "3"}}, {1, 1, 4, 4}, {1, 1, 1, 4})
          .graph(),
      Contains("crops more"));
  ir::Document old = legacy("Crop", {}, {1, 1, 4, 4}, {1, 1, 2, 2}).document();
  old.version = 2;
  for (ir::Layer& layer : old.layers)
    if (layer.type == "Crop")
      layer.data_raw = R"(<crop axis="2" offset="1" dim="2" /><crop axis="3" offset="1" dim="2" />)";
  CHECK(run_layer(ir::to_graph(old)) == middle);
}

TEST_CASE("repeating in both vocabularies", "[rearrange]") {
  const Floats tiled{0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5};
  check(legacy("Tile", {{"axis", "1"}, {"tiles", "2"}}, {2, 3}, {2, 6}), {2, 6}, tiled);
  check(opset("Tile", {}, {2, 3}).ints({1, 2}), {2, 6}, tiled);
  check(opset("Tile", {}, {2}).ints({2, 1}), {2, 2}, {0, 1, 0, 1});
  const Floats repeated{0, 0, 1, 1, 2, 2};
  check(legacy("Broadcast", {}, {3, 1}, {3, 2}).ints({3, 2}), {3, 2}, repeated);
  check(opset("Broadcast", {}, {3, 1}).ints({3, 2}), {3, 2}, repeated);
  check(opset("Broadcast", {{"mode", "bidirectional"}}, {3, 1}).ints({2}), {3, 2}, repeated);
  check(opset("Broadcast", {{"mode", "bidirectional"}}, {1, 3, 1}).ints({1, 2}), {1, 3, 2}, repeated);
  check(opset("Broadcast", {{"mode", "explicit"}}, {3}).ints({3, 2}).ints({0}), {3, 2}, repeated);
  check(opset("Broadcast", {{"mode", "pdpd"}, {"axis", "0"}}, {3}).ints({3, 2}), {3, 2}, repeated);
  check(opset("Broadcast", {{"mode", "pdpd"}, {"axis", "0"}}, {3, 1}).ints({3, 2}), {3, 2}, repeated);
  CHECK_THROWS_WITH(opset("Broadcast", {}, {3}).ints({2}).graph(), Contains("cannot broadcast [3] to [2]"));
  CHECK_THROWS_WITH(opset("Broadcast", {}, {1, 3}).ints({3}).graph(), Contains("cannot broadcast"));
  CHECK_THROWS_WITH(opset("Broadcast", {{"mode", "odd"}}, {3}).ints({3}).graph(),
                    Contains("unknown value 'odd'"));
  CHECK_THROWS_WITH(opset("Broadcast", {{"mode", "explicit"}}, {2, 3}).ints({2, 3}).ints({1, 0}).graph(),
                    Contains("not in increasing order"));
  CHECK_THROWS_WITH(opset("Broadcast", {{"mode", "pdpd"}, {"axis", "2"}}, {3}).ints({3, 2}).graph(),
                    Contains("cannot align"));
  CHECK_THROWS_WITH(
      opset("Broadcast", {{"mode", "pdpd"}, {"axis", "9223372036854775807"}}, {3}).ints({3, 2}).graph(),
      Contains("cannot align"));
  check(OneLayer(6, "Fill", {}).ints({2, 2}).input({1}).output({2, 2}), {2, 2}, {0, 0, 0, 0});
  CHECK_THROWS_WITH(OneLayer(6, "Fill", {}).ints({2, 2}).input({2}).output({2, 2}).graph(),
                    Contains("not a single number"));
}

TEST_CASE("blocks between depth and space", "[rearrange]") {
  const Floats two_by_two{0, 1, 2, 3};
  check(legacy("DepthToSpace", {{"block_size", "2"}}, {1, 4, 1, 1}, {1, 1, 2, 2}), {1, 1, 2, 2}, two_by_two);
  const Floats blocks_first{0, 2, 4, 6, 1, 3, 5, 7}, depth_first{0, 1, 2, 3, 4, 5, 6, 7};
  check(opset("DepthToSpace", {{"block_size", "2"}, {"mode", "blocks_first"}}, {1, 8, 1, 1}), {1, 2, 2, 2},
        blocks_first);
  check(opset("DepthToSpace", {{"block_size", "2"}, {"mode", "depth_first"}}, {1, 8, 1, 1}), {1, 2, 2, 2},
        depth_first);
  check(legacy("SpaceToDepth", {{"block_size", "2"}}, {1, 2, 2, 2}, {1, 8, 1, 1}), {1, 8, 1, 1},
        {0, 4, 1, 5, 2, 6, 3, 7});
  check(opset("SpaceToDepth", {{"block_size", "2"}, {"mode", "depth_first"}}, {1, 2, 2, 2}), {1, 8, 1, 1},
        depth_first);
  check(opset("DepthToSpace", {{"block_size", "2"}, {"mode", "blocks_first"}}, {1, 2, 2}), {1, 1, 4},
        {0, 2, 1, 3});
  for (const char* type : {"DepthToSpace", "SpaceToDepth"}) {
    CHECK_THROWS_WITH(opset(type, {{"block_size", "2"}}, {1, 4, 2, 2}).graph(),
                      Contains("neither blocks_first"));
    for (const char* block : {"3", "0", "-2", "4000000000"})
      CHECK_THROWS_AS(opset(type, {{"block_size", block}, {"mode", "depth_first"}}, {1, 4, 2, 2}).graph(),
                      Error);
    // A zero among the channels fits every block.
    CHECK_THROWS_AS(OneLayer(10, type, {{"block_size", "1099511627776"}, {"mode", "depth_first"}})
                        .constant<float>({1, 0, 1 << 30}, {})
                        .graph(),
                    FormatError);
    CHECK_THROWS_AS(opset(type, {{"block_size", "1"}, {"mode", "depth_first"}}, {4, 2}).graph(), FormatError);
  }
}

TEST_CASE("channels are shuffled", "[rearrange]") {
  const Floats shuffled{0, 3, 1, 4, 2, 5};
  check(legacy("ShuffleChannels", {{"group", "2"}}, {1, 6, 1, 1}, {1, 6, 1, 1}), {1, 6, 1, 1}, shuffled);
  check(opset("ShuffleChannels", {{"group", "2"}, {"axis", "-1"}}, {1, 6}), {1, 6}, shuffled);
  CHECK_THROWS_WITH(opset("ShuffleChannels", {{"group", "4"}}, {1, 6, 1, 1}).graph(),
                    Contains("not a multiple of 4"));
  CHECK_THROWS_AS(opset("ShuffleChannels", {{"group", "0"}}, {1, 6, 1, 1}).graph(), FormatError);
}

TEST_CASE("darknet's reorganisation", "[rearrange]") {
  const std::int64_t c = 8, h = 4, w = 6, s = 2;
  Floats expected(static_cast<std::size_t>(c * h * w));
  for (std::int64_t ic = 0; ic < c; ++ic)
    for (std::int64_t y = 0; y < h; ++y)
      for (std::int64_t x = 0; x < w; ++x) {
        const std::int64_t fewer = c / (s * s), block = ic / fewer;
        const std::int64_t from = (ic % fewer * h * s + y * s + block / s) * w * s + x * s + block % s;
        expected[static_cast<std::size_t>((ic * h + y) * w + x)] = static_cast<float>(from);
      }
  check(legacy("ReorgYolo", {{"stride", "2"}}, {1, c, h, w}, {1, 32, 2, 3}), {1, 32, 2, 3}, expected);
  check(opset("ReorgYolo", {{"stride", "2"}}, {1, c, h, w}), {1, 32, 2, 3}, expected);
  for (const char* stride : {"3", "0", "-1", "99999999999"})
    CHECK_THROWS_AS(opset("ReorgYolo", {{"stride", stride}}, {1, c, h, w}).graph(), Error);
}

TEST_CASE("rolling and reversing", "[rearrange]") {
  check(opset("Roll", {}, {2, 3}).ints({1, 1}).ints({1, -1}), {2, 3}, {1, 2, 0, 4, 5, 3});
  check(opset("Roll", {}, {2, 3}).ints({-1}).ints({0, 1}), {2, 3}, {4, 5, 3, 1, 2, 0});
  CHECK_THROWS_WITH(opset("Roll", {}, {2, 3}).ints({1, 2}).ints({0}).graph(), Contains("differ in length"));
  check(opset("Reverse", {{"mode", "index"}}, {2, 3}).ints({1}), {2, 3}, {2, 1, 0, 5, 4, 3});
  check(opset("Reverse", {{"mode", "mask"}}, {2, 3}).ints({1, 0}), {2, 3}, {3, 4, 5, 0, 1, 2});
  CHECK_THROWS_AS(opset("Reverse", {{"mode", "mask"}}, {2, 3}).ints({1}).graph(), FormatError);
  CHECK_THROWS_AS(opset("Reverse", {{"mode", "odd"}}, {2, 3}).ints({1}).graph(), FormatError);
  const Floats turned{1, 0, 2, 5, 4, 3};
  check(legacy("ReverseSequence", {{"seq_axis", "1"}, {"batch_axis", "0"}}, {2, 3}, {2, 3}).ints({2, 3}),
        {2, 3}, turned);
  check(opset("ReverseSequence", {{"seq_axis", "-1"}}, {2, 3}).ints({2, 3}), {2, 3}, turned);
}

TEST_CASE("blocks between batch and space", "[rearrange]") {
  check(opset("BatchToSpace", {}, {4, 1, 1, 2}).ints({1, 1, 2, 2}).ints({0, 0, 0, 1}).ints({0, 0, 0, 0}),
        {1, 1, 2, 3}, {2, 1, 3, 6, 5, 7});
  check(opset("SpaceToBatch", {}, {1, 1, 2, 3}).ints({1, 1, 2, 2}).ints({0, 0, 0, 1}).ints({0, 0, 0, 0}),
        {4, 1, 1, 2}, {0, 1, 0, 2, 0, 4, 3, 5});
  CHECK_THROWS_AS(
      opset("BatchToSpace", {}, {3, 1, 2}).ints({1, 1, 2}).ints({0, 0, 0}).ints({0, 0, 0}).graph(),
      FormatError);
  CHECK_THROWS_AS(
      opset("BatchToSpace", {}, {2, 1, 2}).ints({1, 1, 2}).ints({0, 0, 3}).ints({0, 0, 1}).graph(),
      FormatError);
  CHECK_THROWS_AS(
      opset("SpaceToBatch", {}, {1, 1, 3}).ints({1, 1, 2}).ints({0, 0, 0}).ints({0, 0, 0}).graph(),
      FormatError);
  CHECK_THROWS_AS(
      opset("SpaceToBatch", {}, {1, 1, 2}).ints({2, 1, 2}).ints({0, 0, 0}).ints({0, 0, 0}).graph(),
      FormatError);
}
