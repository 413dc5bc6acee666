#include "engine/evaluation/image.h"

#include <array>

#include "engine/core/error.h"
#include "engine/evaluation/jpeg_header.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::pattern;
using refcalib_test::pnm;
using refcalib_test::TemporaryFolder;

namespace {

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

// 2x2 pixels: red, green / blue, (10,20,30).
constexpr std::string_view kPng =
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a730000001649444154789c63f8cfc0c0f09f81"
    "8181e13f97881c001a58033a82e0ab530000000049454e44ae426082";

// 8x8 pixels of the inks cyan 200, magenta 100, yellow 50, black 40, written inverted behind Adobe's marker.
constexpr std::string_view kCmyk =
    "ffd8ffee000e41646f626500640000000000ffdb0043000201010101010201010102020202020403020202020504040304060506"
    "060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a0c090a0a0affc000140800080008044311004d1100"
    "5911004b1100ffc4001500010100000000000000000000000000000907ffc4001410010000000000000000000000000000"
    "0000ffda000e0443004d0059004b00003f0036d6c268571fffd9";
constexpr std::size_t kAdobe = 2, kAdobeLength = 16;  // of its APP14 segment

// 16x8 pixels: left half red over black, right half green over blue.
constexpr std::string_view kJpeg =
    "ffd8ffe000104a46494600010100000100010000ffdb0043000201010101010201010102020202020403020202020504040304"
    "060506060605060606070908060709070606080b08090a0a0a0a0a06080b0c0b0a0c090a0a0affdb0043010202020202020503"
    "03050a0706070a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
    "0a0a0a0a0affc00011080008001003011100021101031101ffc4001500010100000000000000000000000000000809ffc40019"
    "1000020301000000000000000000000000001967a6e468ffc40016010101010000000000000000000000000008"
    "0709ffc400201100010205050000000000000000000000001866171964a3e465a4a5e2e3ffda000c03010002110311003f0092"
    "ec521eb0672530c6aedf71fcb99bfbbc619cedf996e78c564a05edc6e7980298f56b1ec7ffd9";

/// The segments of a JPEG file up to its frame header.
std::string jpeg(const std::string& segments, char bits, char components) {
  std::string frame = "\xFF\xC0";
  const int length = 8 + 3 * components;
  frame += static_cast<char>(length >> 8);
  frame += static_cast<char>(length & 0xff);
  frame += bits;
  frame += std::string("\0\x02\0\x02", 4) + components;
  for (char c = 0; c < components; ++c) frame += std::string(1, static_cast<char>(c + 1)) + "\x11" + '\0';
  return "\xFF\xD8" + segments + frame;
}

/// An APP1 segment with one EXIF tag, in either byte order.
std::string exif(int orientation, bool little_endian) {
  const auto u16 = [&](int v) {
    const char high = static_cast<char>(v >> 8), low = static_cast<char>(v & 0xff);
    return little_endian ? std::string{low, high} : std::string{high, low};
  };
  const auto u32 = [&](int v) { return little_endian ? u16(v) + u16(0) : u16(0) + u16(v); };
  const std::string tiff = (little_endian ? "II" : "MM") + u16(42) + u32(8) + u16(2) + u16(0x0100) + u16(3) +
                           u32(1) + u16(7) + u16(0) + u16(0x0112) + u16(3) + u32(1) + u16(orientation) +
                           u16(0) + u32(0);
  const std::string payload = std::string("Exif\0\0", 6) + tiff;
  const std::size_t length = payload.size() + 2;
  return std::string("\xFF\xE1") + static_cast<char>(length >> 8) + static_cast<char>(length & 0xff) +
         payload;
}

}  // namespace

TEST_CASE("a PNG is decoded to RGB, rows from the top", "[image]") {
  const Image image = decode_image(bytes_of(from_hex(kPng)), "x.png");
  CHECK(image.width == 2);
  CHECK(image.height == 2);
  CHECK(image.pixels == std::vector<std::uint8_t>{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30});
}

TEST_CASE("a gray picture is repeated into three channels", "[image]") {
  const Image gray = pattern(5, 3, 1);
  const Image image = decode_image(bytes_of(pnm(gray)), "x.pgm");
  REQUIRE(image.pixels.size() == 45);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) CHECK(image.pixels[i] == gray.pixels[i / 3]);
}

TEST_CASE("what cannot be decoded is refused by name", "[image]") {
  struct Case {
    std::string bytes, message;
  };
  const std::string png = from_hex(kPng);
  std::string sixteen = png;
  sixteen[24] = 16;  // bit depth in IHDR
  const std::vector<Case> cases{{"", "the file is empty"},
                                {"hello world, this is text", "cannot decode"},
                                {png.substr(0, 40), "cannot decode"},
                                {sixteen, "more than 8 bits"},
                                {jpeg("", 12, 3), "more than 8 bits"},
                                {jpeg("", 8, 4), "CMYK images without Adobe's marker are not supported"},
                                {std::string("II*\0\x08", 5), "TIFF images are not supported; convert"},
                                {std::string("MM\0*", 4), "TIFF"},
                                {"RIFF1234WEBPVP8 ", "WebP"},
                                {std::string("\0\0\0\x0cjP  \r\n", 10), "JPEG 2000"},
                                {std::string("\0\0\0\x18", 4) + "ftypheic", "HEIF"},
                                {std::string("\0\0\1\0\1\0", 6), "icon"}};
  for (const Case& c : cases) {
    INFO(c.message);
    CHECK_THROWS_WITH(decode_image(bytes_of(c.bytes), "dir/x.png"),
                      refcalib_test::Contains("dir/x.png: ") && refcalib_test::Contains(c.message));
  }
}

TEST_CASE("CMYK and YCCK are taken as Adobe writes them", "[image]") {
  std::string file = from_hex(kCmyk);
  const auto first_pixel = [](const Image& image) {
    return std::vector<int>(image.pixels.begin(), image.pixels.begin() + 3);
  };
  const Image cmyk = decode_image(bytes_of(file), "x.jpg");
  CHECK(cmyk.width == 8);
  CHECK(first_pixel(cmyk) == std::vector<int>{46, 131, 173});  // what Pillow reads
  // As YCCK the same bytes are luma 55, chroma 155 and 205, which is the colour (163, -19, 103) in front of black.
  file[kAdobe + kAdobeLength - 1] = 2;
  const std::vector<int> ycck = first_pixel(decode_image(bytes_of(file), "x.jpg"));
  const std::vector<int> expected{(255 - 163) * 215 / 255, 215, (255 - 103) * 215 / 255};
  for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(ycck[i] - expected[i]) <= 2);
  file.erase(kAdobe, kAdobeLength);
  CHECK_THROWS_WITH(decode_image(bytes_of(file), "x.jpg"), refcalib_test::Contains("without Adobe's marker"));
}

TEST_CASE("a JPEG is turned upright as its EXIF says, padding between segments or not", "[image]") {
  const std::string file = from_hex(kJpeg);
  const Image stored = decode_image(bytes_of(file), "x.jpg");
  REQUIRE(stored.width == 16);
  const auto near = [&](std::size_t at, int r, int g, int b) {
    CHECK(std::abs(stored.pixels[at] - r) < 20);
    CHECK(std::abs(stored.pixels[at + 1] - g) < 20);
    CHECK(std::abs(stored.pixels[at + 2] - b) < 20);
  };
  near(0, 255, 0, 0);
  near(std::size_t{3} * 15, 0, 255, 0);
  near(std::size_t{3} * (7 * 16 + 15), 0, 0, 255);
  // stb takes padding between segments, not in front of the first.
  const std::size_t first = 4 + 16;
  for (const char* const padding : {"", "abc"})
    for (int orientation = 1; orientation <= 8; ++orientation) {
      INFO(orientation << padding);
      std::string stated = file;
      stated.insert(first, padding + exif(orientation, orientation % 2 == 0));
      const Image upright = decode_image(bytes_of(stated), "x.jpg"),
                  expected = apply_orientation(stored, orientation);
      CHECK(upright.width == expected.width);
      CHECK(upright.pixels == expected.pixels);
    }
}

TEST_CASE("files that cannot be read are refused by name", "[image]") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(load_image(folder / "none.png"), IoError);
  CHECK_THROWS_AS(load_image(folder.path()), IoError);
  CHECK(load_image(folder.write("a.ppm", pnm(pattern(4, 3)))).pixels == pattern(4, 3).pixels);
}

TEST_CASE("the header of a JPEG file gives depth, components and orientation", "[image]") {
  for (const bool little_endian : {false, true})
    for (int orientation = 1; orientation <= 8; ++orientation) {
      const auto header = read_jpeg_header(bytes_of(jpeg(exif(orientation, little_endian), 8, 3)));
      REQUIRE(header);
      CHECK(header->bits == 8);
      CHECK(header->components == 3);
      CHECK(header->orientation == orientation);
    }
  CHECK(read_jpeg_header(bytes_of(jpeg(exif(9, false), 8, 3)))->orientation == 1);
  CHECK(read_jpeg_header(bytes_of(jpeg("\xFF", 8, 1)))->components == 1);  // fill byte
  CHECK_FALSE(read_jpeg_header(bytes_of(from_hex(kPng))));
}

TEST_CASE("a cut JPEG header is no header, wherever it is cut", "[image]") {
  const std::string whole = jpeg(exif(6, true), 8, 3);
  REQUIRE(read_jpeg_header(bytes_of(whole)));
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_FALSE(read_jpeg_header(bytes_of(whole.substr(0, length))));
}

TEST_CASE("orientations turn the picture upright", "[image]") {
  // Stored as 3x2 pixels 0 1 2 / 3 4 5.
  const Image stored{3, 2, 1, {0, 1, 2, 3, 4, 5}};
  struct Case {
    int orientation, width;
    std::vector<std::uint8_t> upright;
  };
  const std::vector<Case> cases{{1, 3, {0, 1, 2, 3, 4, 5}}, {2, 3, {2, 1, 0, 5, 4, 3}},
                                {3, 3, {5, 4, 3, 2, 1, 0}}, {4, 3, {3, 4, 5, 0, 1, 2}},
                                {5, 2, {0, 3, 1, 4, 2, 5}}, {6, 2, {3, 0, 4, 1, 5, 2}},
                                {7, 2, {5, 2, 4, 1, 3, 0}}, {8, 2, {2, 5, 1, 4, 0, 3}}};
  for (const Case& c : cases) {
    INFO(c.orientation);
    const Image upright = apply_orientation(stored, c.orientation);
    CHECK(upright.width == c.width);
    CHECK(upright.height == 6 / c.width);
    CHECK(upright.pixels == c.upright);
  }
}

TEST_CASE("gray uses the weights of cv::cvtColor", "[image]") {
  const Image colours{
      7, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 12, 34, 56, 200, 100, 50}};
  CHECK(to_gray(colours).pixels == std::vector<std::uint8_t>{76, 150, 29, 255, 0, 30, 124});
  CHECK(to_gray(pattern(3, 2, 1)).pixels == pattern(3, 2, 1).pixels);
}

TEST_CASE("image extensions are known in any case", "[image]") {
  for (const char* name :
       {"a.jpg", "a.JPEG", "b.Png", "dir.x/c.bmp", "n01440764_tench.JPEG", "a.TIFF", "a.webp"})
    CHECK(has_image_extension(name));
  for (const char* name : {"a.txt", "a", "jpg", "a.jpg.bak", "val.npy", ".png/x"})
    CHECK_FALSE(has_image_extension(name));
}
