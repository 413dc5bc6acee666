#include "engine/evaluation/preprocess.h"

#include "engine/core/error.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::pattern;

namespace {

std::vector<float> run(const PreprocessingText& text, const Shape& shape, const Image& image) {
  const ImagePreprocessor preprocessor(parse_preprocessing(text), "data", shape);
  std::vector<float> out(static_cast<std::size_t>(shape[1] * shape[2] * shape[3]), -1000.0F);
  preprocessor.run(image, out);
  return out;
}

PreprocessingText text_of(std::string mean, std::string scale = {}, std::string color = {},
                          std::string resize = {}, std::string crop = {}) {
  return {std::move(mean), std::move(scale), std::move(color), std::move(resize), std::move(crop)};
}

}  // namespace

TEST_CASE("the default is BGR planes of the plain pixels", "[preprocess]") {
  const Image image{2, 1, 3, {1, 2, 3, 4, 5, 6}};
  CHECK(run({}, {1, 3, 1, 2}, image) == std::vector<float>{3, 6, 2, 5, 1, 4});
  CHECK(run(text_of("", "", "rgb"), {1, 3, 1, 2}, image) == std::vector<float>{1, 4, 2, 5, 3, 6});
}

TEST_CASE("mean and scale follow the channel order that is fed", "[preprocess]") {
  const Image image{1, 1, 3, {100, 110, 120}};
  CHECK(run(text_of("10,20,30", "2,4,5"), {1, 3, 1, 1}, image) ==
        std::vector<float>{(120.0F - 10) / 2, (110.0F - 20) / 4, (100.0F - 30) / 5});
  CHECK(run(text_of("10,20,30", "2,4,5", "rgb"), {1, 3, 1, 1}, image) ==
        std::vector<float>{(100.0F - 10) / 2, (110.0F - 20) / 4, (120.0F - 30) / 5});
  CHECK(
      run(text_of("127.5", "127.5"), {1, 3, 1, 1}, image) ==
      std::vector<float>{(120.0F - 127.5F) / 127.5F, (110.0F - 127.5F) / 127.5F, (100.0F - 127.5F) / 127.5F});
}

TEST_CASE("one channel gets gray", "[preprocess]") {
  const Image image{1, 1, 3, {200, 100, 50}};
  CHECK(run({}, {1, 1, 1, 1}, image) == std::vector<float>{124});
  CHECK(run(text_of("", "256", "gray"), {1, 1, 1, 1}, image) == std::vector<float>{124.0F / 256});
}

TEST_CASE("short:N with a centre crop", "[preprocess]") {
  // 8x4 at short:4 stays; the middle 4x4 is columns 2 to 5.
  const Image image = pattern(8, 4, 1);
  const auto out = run(text_of("", "", "", "short:4", "center"), {1, 1, 4, 4}, image);
  for (std::size_t y = 0; y < 4; ++y)
    for (std::size_t x = 0; x < 4; ++x)
      CHECK(out[y * 4 + x] == static_cast<float>(image.pixels[y * 8 + x + 2]));
}

TEST_CASE("the longer side is rounded down, odd crops start before the middle", "[preprocess]") {
  // 500x375 at short:256 becomes 341x256: 500 * 256 / 375 = 341.33. The crop begins at (341 - 224) / 2 = 58.
  const Image image = pattern(500, 375);
  const ImagePreprocessor whole(parse_preprocessing(text_of("", "", "rgb", "short:256")), "data",
                                {1, 3, 256, 341});
  std::vector<float> all(3UL * 256 * 341);
  whole.run(image, all);
  const auto out = run(text_of("", "", "rgb", "short:256", "center"), {1, 3, 224, 224}, image);
  CHECK(out.front() == all[16UL * 341 + 58]);
  CHECK(out.back() == all[2UL * 256 * 341 + 239UL * 341 + 281]);
}

TEST_CASE("long:N keeps the proportions and pads with what the network sees as 0", "[preprocess]") {
  const Image image{4, 2, 1, {10, 20, 30, 40, 50, 60, 70, 80}};
  const auto out = run(text_of("5", "2", "gray", "long:4"), {1, 1, 5, 5}, image);
  std::vector<float> expected(25, 0.0F);
  for (std::size_t i = 0; i < 8; ++i)
    expected[i / 4 * 5 + i % 4] = (static_cast<float>(image.pixels[i]) - 5.0F) / 2.0F;
  CHECK(out == expected);
}

TEST_CASE("options that make no sense are refused with what they accept", "[preprocess]") {
  struct Case {
    PreprocessingText text;
    std::string message;
  };
  const std::vector<Case> cases{
      {text_of("a"), "--mean 'a'"},
      {text_of("1,2"), "has 2 numbers"},
      {text_of("1,2,3,4"), "has 4 numbers"},
      {text_of("1,,3"), "--mean '1,,3'"},
      {text_of("1,2,"), "--mean '1,2,'"},
      {text_of(",1"), "--mean ',1'"},
      {text_of("1 2 3"), "--mean '1 2 3'"},
      {text_of("nan"), "--mean 'nan'"},
      {text_of("1e99"), "--mean '1e99'"},
      {text_of("", "0"), "--scale '0' contains 0"},
      {text_of("", "1,0,1"), "contains 0"},
      {text_of("", "", "grb"), "--color 'grb' is unknown; it may be rgb, bgr, gray"},
      {text_of("", "", "", "bigger"), "--resize 'bigger'"},
      {text_of("", "", "", "short"), "--resize 'short'"},
      {text_of("", "", "", "short:"), "--resize 'short:'"},
      {text_of("", "", "", "short:0"), "--resize 'short:0'"},
      {text_of("", "", "", "short:-3"), "--resize 'short:-3'"},
      {text_of("", "", "", "long:99999999999"), "--resize 'long:99999999999'"},
      {text_of("", "", "", "stretch:5"), "--resize 'stretch:5'"},
      {text_of("", "", "", "", "left"), "--crop 'left' is unknown; it may be none, center"}};
  for (const Case& c : cases) {
    INFO(c.message);
    CHECK_THROWS_AS(parse_preprocessing(c.text), UsageError);
    CHECK_THROWS_WITH(parse_preprocessing(c.text), refcalib_test::Contains(c.message));
  }
}

TEST_CASE("options that do not fit the network or the picture are refused", "[preprocess]") {
  struct Case {
    PreprocessingText text;
    Shape shape;
    std::string message;
  };
  const std::vector<Case> cases{{{}, {1, 12}, "takes no images"},
                                {{}, {1, 2, 4, 4}, "takes no images"},
                                {text_of("", "", "gray"), {1, 3, 4, 4}, "must be rgb or bgr"},
                                {text_of("", "", "rgb"), {1, 1, 4, 4}, "must be gray"},
                                {text_of("1,2,3"), {1, 1, 4, 4}, "has 3 numbers"},
                                {text_of("", "", "", "long:9"), {1, 3, 4, 4}, "larger than input 'data'"},
                                {text_of("", "", "", "short:4"), {1, 3, 4, 4}, "add --crop center"},
                                {text_of("", "", "", "short:3", "center"), {1, 3, 4, 4}, "a larger N"}};
  for (const Case& c : cases) {
    INFO(c.message);
    CHECK_THROWS_AS(run(c.text, c.shape, pattern(8, 6)), UsageError);
    CHECK_THROWS_WITH(run(c.text, c.shape, pattern(8, 6)), refcalib_test::Contains(c.message));
  }
}

TEST_CASE("the description says what is done", "[preprocess]") {
  const auto describe = [](const PreprocessingText& text) {
    return ImagePreprocessor(parse_preprocessing(text), "data", {1, 3, 224, 224}).describe();
  };
  CHECK(describe({}) == "stretch to 224x224, BGR, (x - 0) / 1");
  CHECK(describe(text_of("104,117,123", "57.375", "rgb", "short:256", "center")) ==
        "short side to 256, centre crop 224x224, RGB, (x - 104,117,123) / 57.375");
}
