#include <cmath>

#include "engine/evaluation/preprocessing/preprocessor.h"
#include "engine/evaluation/preprocessing/resampling.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::Approx;
using refcalib_test::Contains;
using refcalib_test::pattern;

namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<Preprocessor> step_of(const Entries& entries, const PreprocessContext& context = {}) {
  const ConfigNode node = map_node(entries);
  Fields fields(node, "preprocessing");
  return make_preprocessor(fields, context);
}

Frame after(Frame frame, const Entries& entries, const PreprocessContext& context = {}) {
  step_of(entries, context)->run(frame);
  return frame;
}

Frame gray(int width, int height) {
  return frame_of(pattern(width, height, 1), false);
}

struct Golden {
  const char *library, *name;
  int width, height;
  std::vector<int> values;
};

/// The picture pattern(9, 8, 1) resized by OpenCV 4.6 and Pillow 9.4.
const std::vector<Golden>& golden() {
  static const std::vector<Golden> table = {
      {"opencv", "AREA", 4, 3, {160, 135, 148, 137, 140, 111, 91, 162, 167, 127, 118, 120}},
      {"opencv", "AREA", 3, 4, {184, 109, 142, 118, 91, 178, 191, 103, 92, 154, 99, 153}},
      {"opencv", "AREA", 11, 9, {190, 171, 201, 185, 99,  116, 151, 152, 117, 115, 250, 65,  187, 233, 177,
                                 56,  121, 127, 188, 151, 75,  101, 73,  157, 220, 185, 60,  112, 144, 153,
                                 152, 150, 154, 44,  85,  142, 159, 116, 66,  72,  98,  157, 216, 221, 121,
                                 141, 125, 115, 120, 46,  110, 73,  96,  170, 233, 232, 206, 162, 118, 87,
                                 79,  147, 97,  68,  85,  145, 208, 159, 174, 158, 83,  101, 79,  139, 121,
                                 57,  52,  92,  155, 159, 135, 103, 38,  108, 150, 111, 67,  150, 226, 179,
                                 148, 143, 157, 151, 43,  165, 209, 180, 181}},
      {"opencv", "CUBIC", 4, 3, {166, 62, 138, 53, 140, 142, 116, 208, 145, 124, 133, 71}},
      {"opencv", "CUBIC", 3, 4, {204, 120, 61, 87, 73, 234, 200, 99, 57, 173, 77, 97}},
      {"opencv", "CUBIC", 11, 9, {197, 164, 209, 190, 89,  116, 151, 161, 99,  114, 255, 55,  184, 255, 170,
                                  42,  122, 117, 210, 158, 49,  98,  67,  158, 255, 189, 30,  120, 157, 167,
                                  152, 138, 138, 22,  49,  143, 181, 115, 65,  50,  79,  179, 253, 230, 110,
                                  144, 109, 105, 127, 32,  112, 54,  71,  196, 255, 255, 238, 171, 104, 73,
                                  87,  169, 104, 37,  72,  138, 208, 144, 185, 171, 69,  103, 60,  157, 141,
                                  32,  29,  74,  155, 168, 134, 98,  31,  101, 170, 104, 58,  169, 235, 185,
                                  140, 140, 164, 156, 28,  160, 234, 180, 182}},
      {"opencv", "LANCZOS4", 4, 3, {152, 62, 131, 48, 146, 146, 123, 211, 151, 123, 146, 69}},
      {"opencv", "LANCZOS4", 3, 4, {198, 117, 63, 73, 77, 242, 207, 111, 59, 181, 70, 93}},
      {"opencv", "LANCZOS4", 11, 9, {200, 157, 212, 195, 85,  116, 151, 169, 92,  114, 255, 52,  171,
                                     255, 160, 48,  120, 110, 208, 164, 46,  103, 74,  159, 255, 179,
                                     23,  120, 174, 165, 143, 132, 136, 33,  36,  139, 191, 116, 69,
                                     44,  75,  189, 255, 226, 90,  151, 100, 102, 128, 22,  112, 67,
                                     52,  197, 255, 255, 244, 177, 110, 68,  98,  177, 109, 31,  79,
                                     132, 198, 125, 184, 177, 70,  99,  49,  153, 153, 28,  30,  73,
                                     162, 165, 131, 99,  28,  102, 183, 88,  55,  177, 237, 185, 139,
                                     137, 171, 157, 23,  157, 247, 168, 182}},
      {"opencv", "NEAREST", 4, 3, {190, 229, 116, 150, 82, 254, 109, 130, 253, 213, 127, 176}},
      {"opencv", "NEAREST", 3, 4, {190, 97, 150, 82, 57, 130, 220, 97, 2, 73, 105, 157}},
      {"opencv", "NEAREST", 11, 9, {190, 190, 165, 229, 97,  116, 116, 155, 150, 76,  250, 190, 190, 165, 229,
                                    97,  116, 116, 155, 150, 76,  250, 47,  47,  230, 243, 41,  122, 122, 124,
                                    229, 66,  80,  82,  82,  165, 254, 57,  109, 109, 157, 130, 176, 178, 21,
                                    21,  56,  132, 161, 41,  41,  23,  99,  239, 246, 220, 220, 237, 85,  97,
                                    50,  50,  214, 2,   66,  219, 253, 253, 136, 213, 73,  127, 127, 59,  176,
                                    71,  21,  73,  73,  174, 149, 105, 22,  22,  129, 157, 23,  146, 226, 226,
                                    165, 135, 158, 151, 151, 30,  232, 180, 181}},
      {"opencv", "LINEAR", 4, 3, {164, 74, 140, 83, 137, 126, 110, 182, 145, 118, 119, 88}},
      {"opencv", "LINEAR", 3, 4, {198, 119, 71, 111, 75, 208, 187, 89, 69, 170, 87, 102}},
      {"opencv", "LINEAR", 11, 9, {190, 172, 200, 181, 100, 116, 148, 152, 116, 123, 250, 71,  179, 231, 171,
                                   63,  121, 128, 184, 148, 79,  108, 72,  153, 220, 179, 63,  112, 141, 154,
                                   152, 147, 151, 45,  84,  142, 158, 111, 67,  74,  98,  158, 216, 219, 121,
                                   139, 126, 116, 114, 46,  105, 75,  97,  174, 233, 233, 207, 163, 117, 86,
                                   80,  140, 100, 69,  88,  142, 203, 162, 173, 154, 85,  98,  82,  137, 119,
                                   57,  56,  98,  152, 158, 135, 101, 43,  100, 149, 115, 77,  152, 226, 182,
                                   149, 143, 157, 151, 52,  158, 208, 180, 181}},
      {"pillow", "BILINEAR", 4, 3, {160, 133, 135, 143, 145, 115, 101, 145, 166, 122, 111, 119}},
      {"pillow", "BILINEAR", 11, 9, {190, 172, 200, 181, 100, 116, 148, 152, 116, 123, 250, 71,  179,
                                     231, 172, 63,  121, 128, 184, 148, 79,  108, 72,  153, 220, 179,
                                     63,  113, 141, 154, 152, 147, 151, 45,  83,  142, 158, 111, 67,
                                     73,  98,  158, 216, 220, 121, 139, 126, 116, 114, 46,  105, 75,
                                     97,  175, 233, 233, 207, 163, 117, 86,  80,  140, 100, 69,  88,
                                     142, 203, 162, 173, 154, 85,  98,  82,  137, 119, 57,  56,  99,
                                     152, 158, 135, 101, 44,  100, 149, 115, 78,  152, 226, 182, 149,
                                     143, 157, 151, 52,  159, 208, 180, 181}},
      {"pillow", "BICUBIC", 4, 3, {161, 136, 136, 145, 145, 112, 92, 149, 173, 119, 112, 117}},
      {"pillow", "BICUBIC", 11, 9, {195, 167, 207, 189, 92,  116, 151, 158, 106, 115, 255, 57,  184, 250, 174,
                                    46,  122, 120, 204, 157, 58,  98,  70,  156, 249, 191, 40,  117, 154, 161,
                                    152, 145, 146, 29,  60,  142, 173, 117, 64,  56,  86,  170, 241, 227, 114,
                                    142, 115, 108, 125, 36,  112, 60,  79,  188, 253, 255, 228, 168, 109, 78,
                                    83,  164, 99,  46,  77,  143, 210, 151, 182, 168, 74,  104, 66,  151, 135,
                                    42,  34,  79,  155, 165, 135, 100, 33,  105, 163, 107, 61,  162, 232, 183,
                                    142, 141, 162, 154, 32,  164, 226, 180, 182}},
      {"pillow", "LANCZOS", 4, 3, {162, 140, 129, 154, 146, 113, 86, 148, 181, 117, 111, 118}},
      {"pillow", "LANCZOS", 11, 9, {198, 161, 213, 193, 87,  116, 151, 167, 91,  122, 255, 58,  171, 245, 166,
                                    45,  120, 114, 209, 159, 52,  106, 70,  154, 255, 184, 24,  120, 166, 167,
                                    149, 134, 134, 26,  40,  147, 187, 116, 66,  46,  77,  180, 254, 227, 102,
                                    145, 103, 103, 129, 27,  114, 59,  68,  201, 255, 255, 244, 173, 107, 71,
                                    93,  175, 108, 45,  78,  134, 197, 135, 186, 177, 67,  101, 53,  156, 147,
                                    29,  27,  78,  155, 168, 132, 101, 33,  99,  177, 99,  65,  175, 236, 187,
                                    136, 140, 168, 156, 25,  159, 243, 173, 181}},
      {"pillow", "HAMMING", 4, 3, {160, 125, 146, 129, 140, 111, 95, 161, 163, 122, 112, 113}},
      {"pillow", "HAMMING", 11, 9, {190, 167, 204, 201, 98,  116, 154, 151, 121, 93,  250, 51,  211, 237, 200,
                                    46,  122, 125, 205, 164, 68,  85,  78,  163, 221, 211, 57,  110, 152, 143,
                                    150, 165, 168, 37,  80,  132, 157, 132, 59,  58,  97,  152, 223, 228, 121,
                                    144, 124, 113, 126, 46,  116, 65,  91,  161, 233, 229, 212, 155, 113, 90,
                                    70,  170, 74,  55,  77,  168, 235, 149, 181, 179, 78,  116, 67,  151, 132,
                                    63,  34,  77,  164, 159, 140, 104, 26,  122, 152, 107, 39,  147, 226, 171,
                                    147, 140, 158, 151, 34,  189, 211, 180, 181}},
      {"pillow", "BOX", 4, 3, {147, 141, 158, 138, 134, 94, 85, 193, 172, 126, 131, 104}},
      {"pillow", "BOX", 11, 9, {190, 165, 229, 229, 97,  116, 155, 150, 150, 76,  250, 47,  230, 243, 243,
                                41,  122, 124, 229, 229, 66,  80,  82,  165, 254, 254, 57,  109, 157, 130,
                                130, 176, 178, 21,  56,  132, 132, 161, 41,  23,  99,  99,  239, 246, 220,
                                237, 85,  85,  97,  50,  214, 2,   2,   66,  219, 220, 237, 85,  85,  97,
                                50,  214, 2,   2,   66,  219, 253, 136, 213, 213, 73,  127, 59,  176, 176,
                                71,  21,  73,  174, 149, 149, 105, 22,  129, 157, 157, 23,  146, 226, 165,
                                135, 135, 158, 151, 30,  232, 232, 180, 181}},
      {"pillow", "NEAREST", 4, 3, {230, 41, 124, 66, 237, 97, 214, 66, 174, 105, 129, 23}},
      {"pillow", "NEAREST", 11, 9, {190, 165, 229, 229, 97,  116, 155, 150, 150, 76,  250, 47,  230, 243, 243,
                                    41,  122, 124, 229, 229, 66,  80,  82,  165, 254, 254, 57,  109, 157, 130,
                                    130, 176, 178, 21,  56,  132, 132, 161, 41,  23,  99,  99,  239, 246, 220,
                                    237, 85,  85,  97,  50,  214, 2,   2,   66,  219, 220, 237, 85,  85,  97,
                                    50,  214, 2,   2,   66,  219, 253, 136, 213, 213, 73,  127, 59,  176, 176,
                                    71,  21,  73,  174, 149, 149, 105, 22,  129, 157, 157, 23,  146, 226, 165,
                                    135, 135, 158, 151, 30,  232, 232, 180, 181}},
  };
  return table;
}

}  // namespace

TEST_CASE("resizing agrees with OpenCV and Pillow within one level", "[preprocessing]") {
  for (const Golden& row : golden()) {
    INFO(row.library << " " << row.name << " " << row.width << "x" << row.height);
    const Interpolation* const how = find_interpolation(row.library, row.name);
    REQUIRE(how != nullptr);
    const Frame out = resample(gray(9, 8), *how, row.width, row.height);
    REQUIRE(out.values.size() == row.values.size());
    float worst = 0;
    for (std::size_t i = 0; i < out.values.size(); ++i)
      worst = std::max(worst, std::fabs(out.values[i] - static_cast<float>(row.values[i])));
    CHECK(worst <= 1);
  }
}

TEST_CASE("each interpolation keeps an even picture even", "[preprocessing]") {
  for (const Interpolation& how : interpolations()) {
    INFO(how.library << " " << how.name);
    Frame frame = gray(10, 7);
    for (float& x : frame.values) x = 77;
    for (const auto& [width, height] : {std::pair{3, 5}, std::pair{23, 15}})
      for (const float x : resample(frame, how, width, height).values) CHECK(x == Approx(77));
  }
}

TEST_CASE("TensorFlow's bilinear takes element i at i times the scale and does not round",
          "[preprocessing]") {
  Frame frame = gray(2, 1);
  frame.values = {10, 21};
  const Frame out = resample(frame, *find_interpolation("tf", "BILINEAR"), 4, 1);
  CHECK(out.values == std::vector<float>{10, 15.5F, 21, 21});
  CHECK_FALSE(out.bytes);
}

TEST_CASE("the ways to keep proportions", "[preprocessing]") {
  struct Case {
    const char* rule;
    int width, height;  // of the picture
    int to_width, to_height;
  };
  for (const Case& c : std::vector<Case>{{"greater", 640, 480, 341, 256},
                                         {"greater", 480, 640, 256, 341},
                                         {"width", 640, 480, 341, 256},
                                         {"height", 640, 480, 256, 192},
                                         {"fit_to_window", 640, 480, 256, 192},
                                         {"fit_to_window", 480, 640, 192, 256},
                                         {"frcnn_keep_aspect_ratio", 1000, 100, 256, 25},
                                         {"ctpn_keep_aspect_ratio", 100, 50, 256, 128},
                                         {"east_keep_aspect_ratio", 100, 50, 100, 50}}) {
    INFO(c.rule << " " << c.width << "x" << c.height);
    Frame frame = gray(c.width, c.height);
    Entries entries{{"type", "resize"}, {"size", "256"}, {"aspect_ratio_scale", c.rule}};
    if (std::string(c.rule).starts_with("east")) entries[1] = {"size", "256"};
    const Frame out = after(frame, entries);
    if (std::string(c.rule).starts_with("east")) {
      CHECK(out.width >= 32);
      CHECK(out.height >= 32);
      continue;
    }
    CHECK(out.width == c.to_width);
    CHECK(out.height == c.to_height);
    CHECK(out.geometry.scale_x == Approx(static_cast<double>(c.to_width) / c.width));
    CHECK(out.geometry.content_width == c.to_width);
  }
}

TEST_CASE("the middle of a picture", "[preprocessing]") {
  Frame frame = gray(5, 3);
  for (std::size_t i = 0; i < 15; ++i) frame.values[i] = static_cast<float>(i);
  CHECK(after(frame, {{"type", "crop"}, {"dst_width", "3"}, {"dst_height", "1"}}).values ==
        std::vector<float>{6, 7, 8});
  CHECK(after(frame, {{"type", "crop"}, {"central_fraction", "0.7"}}).values.size() == 6);
  // Half a pixel is rounded to even in Pillow's way, down in OpenCV's.
  CHECK(after(frame, {{"type", "crop"}, {"dst_width", "2"}, {"dst_height", "1"}, {"use_pillow", "True"}})
            .values == std::vector<float>{7, 8});
  CHECK(after(frame, {{"type", "crop"}, {"dst_width", "2"}, {"dst_height", "1"}}).values ==
        std::vector<float>{6, 7});
  CHECK(after(frame, {{"type", "crop"}, {"size", "4"}}).values.size() == 16);  // enlarged first
  CHECK_THROWS_WITH(after(frame, {{"type", "crop"}, {"size", "4"}, {"use_pillow", "True"}}),
                    Contains("resize it first"));
  CHECK_THROWS_WITH(step_of({{"type", "crop"}}), Contains("'central_fraction'"));
}

TEST_CASE("volumes: the middle, and each channel by its own mean and deviation", "[preprocessing]") {
  Frame volume;
  volume.depth = 3;
  volume.height = volume.width = 3;
  volume.channels = 1;
  for (int i = 0; i < 27; ++i) volume.values.push_back(static_cast<float>(i));
  CHECK(after(volume, {{"type", "crop3d"}, {"size", "1"}}).values == std::vector<float>{13});
  const Frame normal = after(volume, {{"type", "normalize3d"}});
  CHECK(normal.values[13] == 0);
  CHECK(normal.values[26] == Approx(13 / std::sqrt((27.0 * 27 - 1) / 12)));
}

TEST_CASE("colours: order, luminance, means and deviations", "[preprocessing]") {
  Image image{1, 1, 3, {200, 100, 50}};
  Frame bgr = frame_of(image, true);
  CHECK(bgr.values == std::vector<float>{50, 100, 200});
  CHECK(after(bgr, {{"type", "bgr_to_rgb"}}).values == std::vector<float>{200, 100, 50});
  CHECK(after(bgr, {{"type", "bgr_to_gray"}}).values ==
        std::vector<float>{static_cast<float>(to_gray(image).pixels[0])});
  CHECK(after(frame_of(image, false), {{"type", "rgb_to_gray"}}).values[0] ==
        static_cast<float>(to_gray(image).pixels[0]));
  CHECK(after(bgr, {{"type", "normalization"}, {"mean", "(50, 100, 150)"}, {"std", "2"}}).values ==
        std::vector<float>{0, 0, 25});
  CHECK(after(bgr, {{"type", "normalization"}, {"mean", "IMAGENET"}}).values[0] == Approx(50 - 104.00698793));
  CHECK_THROWS_WITH(step_of({{"type", "normalization"}}), Contains("'mean' or 'std'"));
  CHECK_THROWS_WITH(step_of({{"type", "normalization"}, {"std", "0"}}), Contains("contains 0"));
  CHECK_THROWS_WITH(step_of({{"type", "normalization"}, {"mean", "imagnet"}}),
                    Contains("'imagenet' or 'cifar10'"));
  CHECK_THROWS_WITH(after(gray(2, 2), {{"type", "bgr_to_rgb"}}), Contains("three channels"));
  CHECK_THROWS_WITH(after(gray(2, 2), {{"type", "normalization"}, {"mean", "1,2,3"}}),
                    Contains("has 1 channels"));
}

TEST_CASE("flipping, with the meaning that the Accuracy Checker gives the words", "[preprocessing]") {
  Frame frame = gray(2, 2);
  frame.values = {1, 2, 3, 4};
  CHECK(after(frame, {{"type", "flip"}}).values == std::vector<float>{3, 4, 1, 2});
  CHECK(after(frame, {{"type", "flip"}, {"mode", "vertical"}}).values == std::vector<float>{2, 1, 4, 3});
}

TEST_CASE("padding", "[preprocessing]") {
  Frame frame = gray(2, 1);
  frame.values = {1, 2};
  const Frame center =
      after(frame, {{"type", "padding"}, {"dst_width", "5"}, {"dst_height", "2"}, {"pad_value", "9"}});
  CHECK(center.values == std::vector<float>{9, 1, 2, 9, 9, 9, 9, 9, 9, 9});
  CHECK(center.geometry.pad_left == 1);
  CHECK(center.geometry.content_width == 2);
  CHECK(after(frame,
              {{"type", "padding"}, {"dst_width", "3"}, {"dst_height", "1"}, {"pad_type", "right_bottom"}})
            .values == std::vector<float>{1, 2, 0});
  CHECK(after(frame, {{"type", "padding"}, {"dst_width", "3"}, {"dst_height", "1"}, {"pad_type", "left_top"}})
            .values == std::vector<float>{0, 1, 2});
  CHECK(after(frame, {{"type", "padding"}, {"stride", "4"}}).width == 4);
  CHECK(after(gray(9, 8), {{"type", "padding"}, {"size", "4"}}).width == 9);  // never cuts
}

TEST_CASE("auto_resize takes the size of the network's input", "[preprocessing]") {
  const Frame out = after(gray(9, 8), {{"type", "auto_resize"}}, {5, 4});
  CHECK(out.width == 5);
  CHECK(out.height == 4);
}
