#include "engine/evaluation/npy.h"

#include <cstring>
#include <limits>

#include "engine/core/error.h"
#include "engine/evaluation/npy_header.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::TemporaryFolder;

namespace {

/// A .npy file as NumPy writes it.
std::string npy(const std::string& dictionary, const std::string& data, char major = 1) {
  std::string header = dictionary;
  header.resize((header.size() + 10 + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string file = std::string("\x93NUMPY") + major + '\0';
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file + header + data;
}

std::string dictionary(const std::string& descr, const std::string& shape, const char* order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.begin(), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("every element type is read as float", "[npy]") {
  struct Case {
    std::string descr, data;
    std::vector<float> values;
  };
  const std::vector<Case> cases{
      {"<f4", raw<float>({1.5F, -2.0F, 3e30F}), {1.5F, -2.0F, 3e30F}},
      {"<f8", raw<double>({0.1, -2.0, 16777217.0}), {0.1F, -2.0F, 16777216.0F}},
      {"|u1", raw<std::uint8_t>({0, 128, 255}), {0, 128, 255}},
      {"|i1", raw<std::int8_t>({-128, 0, 127}), {-128, 0, 127}},
      {"|b1", raw<std::uint8_t>({0, 1, 1}), {0, 1, 1}},
      {"<u2", raw<std::uint16_t>({0, 1, 65535}), {0, 1, 65535}},
      {"<i2", raw<std::int16_t>({-32768, 0, 5}), {-32768, 0, 5}},
      {"<i4", raw<std::int32_t>({-5, 0, 1 << 30}), {-5, 0, 1073741824.0F}},
      {"<i8", raw<std::int64_t>({-5, 0, std::int64_t{1} << 40}), {-5, 0, 1099511627776.0F}}};
  const TemporaryFolder folder;
  for (const Case& c : cases) {
    INFO(c.descr);
    Shape shape;
    CHECK(read_npy(folder.write("a.npy", npy(dictionary(c.descr, "(3,)"), c.data)), &shape) == c.values);
    CHECK(shape == Shape{3});
  }
}

TEST_CASE("formats 2 and 3, scalars and empty arrays are read", "[npy]") {
  const TemporaryFolder folder;
  for (const char major : {'\1', '\2', '\3'})
    CHECK(read_npy(folder.write("a.npy", npy(dictionary("<f4", "(1, 2)"), raw<float>({1, 2}), major))) ==
          std::vector<float>{1, 2});
  Shape shape{7};
  CHECK(read_npy(folder.write("s.npy", npy(dictionary("<f4", "()"), raw<float>({4}))), &shape) ==
        std::vector<float>{4});
  CHECK(shape.empty());
  CHECK(read_npy(folder.write("e.npy", npy(dictionary("<f4", "(0, 5)"), ""))).empty());
}

TEST_CASE("a range of elements is read without the rest", "[npy]") {
  const TemporaryFolder folder;
  const NpyReader reader(
      folder.write("a.npy", npy(dictionary("<i4", "(5,)"), raw<std::int32_t>({1, 2, 3, 4, 5}))));
  std::vector<float> two(2);
  reader.read(3, two);
  CHECK(two == std::vector<float>{4, 5});
  CHECK_THROWS_AS(reader.read(4, two), Error);
  CHECK_THROWS_AS(reader.read(-1, two), Error);
}

TEST_CASE("malformed .npy files are refused by name", "[npy]") {
  struct Case {
    std::string bytes, message;
  };
  const std::string good = npy(dictionary("<f4", "(2,)"), raw<float>({1, 2}));
  const std::vector<Case> cases{
      {"", "not a .npy file"},
      {"hello, this is a text file", "not a .npy file"},
      {good.substr(0, 9), "ends too early"},
      {good.substr(0, 60), "ends too early"},
      {good.substr(0, good.size() - 1), "needs a file of"},
      {good + "x", "needs a file of"},
      {npy(dictionary("<f4", "(2,)"), "", 9), "format 9"},
      {npy(dictionary(">f4", "(2,)"), raw<float>({1, 2})), "'>f4' is not supported"},
      {npy(dictionary("<c8", "(1,)"), raw<float>({1, 2})), "'<c8' is not supported"},
      {npy(dictionary("<f4", "(2,)", "True"), raw<float>({1, 2})), "Fortran order"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", ""), "structured"},
      {npy(dictionary("<f4", "(-2,)"), ""), "a dimension expected"},
      {npy(dictionary("<f4", "(99999999999999999999,)"), ""), "a dimension expected"},
      {npy(dictionary("<f4", "(1099511627776, 1099511627776)"), ""), ""},
      {npy(dictionary("<f4", "(2"), ""), "a dimension expected"},
      {npy(dictionary("<f4", "(2 5)"), ""), "')' expected"},
      {npy("{'descr': '<f4', 'shape': (2,), }", raw<float>({1, 2})), "are needed"},
      {npy("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,), }", ""), "True or False"},
      {npy("{'descr: 1", ""), "a quote is not closed"},
      {npy("{'colour': 'red'}", ""), "unknown key 'colour'"},
      {npy("[1, 2]", ""), "'{' expected"}};
  const TemporaryFolder folder;
  for (const Case& c : cases) {
    INFO(c.message);
    const auto path = folder.write("bad.npy", c.bytes);
    CHECK_THROWS_AS(read_npy(path), Error);
    CHECK_THROWS_WITH(read_npy(path),
                      refcalib_test::Contains("bad.npy: ") && refcalib_test::Contains(c.message));
  }
  CHECK_THROWS_AS(read_npy(folder / "none.npy"), IoError);
  CHECK_THROWS_AS(read_npy(folder.path()), IoError);
}

TEST_CASE("what is written is read back bit for bit", "[npy]") {
  const TemporaryFolder folder;
  const std::vector<float> values{0.0F, -0.0F, 1e-45F, std::numeric_limits<float>::infinity(), 0.1F, -7.0F};
  for (const Shape& shape : {Shape{6}, Shape{2, 3}, Shape{1, 1, 6, 1}, Shape{3, 2, 1, 1, 1, 1, 1}}) {
    write_npy(folder / "a.npy", shape, values);
    Shape found;
    const auto back = read_npy(folder / "a.npy", &found);
    CHECK(found == shape);
    REQUIRE(back.size() == values.size());
    CHECK(std::memcmp(back.data(), values.data(), values.size() * sizeof(float)) == 0);
  }
  write_npy(folder / "a.npy", {}, std::vector<float>{3});
  CHECK(read_npy(folder / "a.npy") == std::vector<float>{3});
  CHECK_THROWS_AS(write_npy(folder / "a.npy", {7}, values), Error);
  CHECK(folder.names() == std::vector<std::string>{"a.npy"});
}

TEST_CASE("the first dimension grows while rows arrive", "[npy]") {
  const TemporaryFolder folder;
  {
    NpyWriter writer(folder / "a.npy", {2});
    writer.append(std::vector<float>{1, 2});
    writer.append(std::vector<float>{3, 4, 5, 6});
    CHECK_THROWS_AS(writer.append(std::vector<float>{7}), Error);
    CHECK_FALSE(std::filesystem::exists(folder / "a.npy"));
    writer.commit();
  }
  Shape shape;
  CHECK(read_npy(folder / "a.npy", &shape) == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(shape == Shape{3, 2});
}

TEST_CASE("a preamble is 64-byte aligned and as long as asked", "[npy]") {
  const std::string preamble = npy_preamble({3, 4}, 192);
  CHECK(preamble.size() == 192);
  CHECK(preamble.back() == '\n');
  CHECK(parse_npy_header(std::string_view(preamble).substr(10)).shape == Shape{3, 4});
  CHECK_THROWS_AS(npy_preamble({1, 2}, 64), Error);
}
