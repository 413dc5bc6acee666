#include "engine/evaluation/resize.h"

#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::pattern;

namespace {

/// 64-bit FNV-1a.
std::uint64_t hash(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const std::uint8_t byte : bytes) h = (h ^ byte) * 0x100000001b3ULL;
  return h;
}

}  // namespace

TEST_CASE("the resize equals cv::resize with INTER_LINEAR in every byte", "[resize]") {
  struct Case {
    int width, height, channels, to_width, to_height;
    std::uint64_t hash;  ///< of the bytes that OpenCV 4.6 computes for the same pattern
  };
  const std::vector<Case> cases{
      {16, 12, 3, 8, 6, 0x5bb4bae955fec8c8ULL},    {16, 12, 3, 7, 5, 0x63b21ef87fae6dd2ULL},
      {5, 4, 3, 9, 11, 0x14fea94b642e4a5bULL},     {3, 3, 1, 8, 8, 0xeaa38daf3974a29bULL},
      {1, 1, 3, 4, 2, 0xcaebeceda1d32e6dULL},      {640, 480, 3, 224, 224, 0x87b3f1c438ac8b13ULL},
      {100, 37, 1, 33, 64, 0xd236716027b151a1ULL}, {13, 7, 3, 1, 1, 0x13939f191ec22bbeULL},
      {32, 32, 3, 96, 96, 0xdb5470a750645df5ULL},  {2, 2, 1, 3, 3, 0x53895fd79fa1222bULL}};
  for (const Case& c : cases) {
    INFO(c.width << "x" << c.height << "x" << c.channels << " to " << c.to_width << "x" << c.to_height);
    const Image out = resize_bilinear(pattern(c.width, c.height, c.channels), c.to_width, c.to_height);
    CHECK(out.width == c.to_width);
    CHECK(out.height == c.to_height);
    CHECK(hash(out.pixels) == c.hash);
  }
}

TEST_CASE("resized rows and columns by hand", "[resize]") {
  // Four outputs of two inputs: centres at -0.25, 0.25, 0.75, 1.25.
  CHECK(resize_bilinear({2, 1, 1, {10, 20}}, 4, 1).pixels == std::vector<std::uint8_t>{10, 13, 18, 20});
  CHECK(resize_bilinear({1, 2, 1, {0, 255}}, 1, 5).pixels == std::vector<std::uint8_t>{0, 26, 128, 229, 255});
  // Half the size: the mean of four, halves up.
  CHECK(resize_bilinear({2, 2, 1, {1, 2, 3, 4}}, 1, 1).pixels == std::vector<std::uint8_t>{3});
}

TEST_CASE("a resize to the same size changes nothing", "[resize]") {
  CHECK(resize_bilinear(pattern(9, 5), 9, 5).pixels == pattern(9, 5).pixels);
}

TEST_CASE("a constant picture stays constant at any size", "[resize]") {
  for (const int value : {0, 1, 127, 128, 254, 255})
    for (const int size : {1, 2, 3, 17, 100}) {
      const Image flat{7, 5, 1, std::vector<std::uint8_t>(35, static_cast<std::uint8_t>(value))};
      const Image out = resize_bilinear(flat, size, 2 * size + 1);
      CHECK(out.pixels == std::vector<std::uint8_t>(out.pixels.size(), static_cast<std::uint8_t>(value)));
    }
}
