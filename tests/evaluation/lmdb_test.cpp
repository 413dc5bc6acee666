#include <lmdb.h>

#include <cstring>
#include <utility>

#include "engine/core/error.h"
#include "engine/evaluation/dataset.h"
#include "engine/graph/builder.h"
#include "engine/ops/activation.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using Catch::Matchers::Contains;
using refcalib_test::content_of;
using refcalib_test::pattern;
using refcalib_test::pnm;
using refcalib_test::TemporaryFolder;

namespace {

// Records are put together byte by byte, by the encoding of protocol buffers and the numbers of Caffe's fields.

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value > 127; value >>= 7) bytes += static_cast<char>((value & 127) | 128);
  return bytes + static_cast<char>(value);
}
std::string number(int field, std::uint64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(value);
}
std::string block(int field, const std::string& bytes) {
  return varint((static_cast<std::uint64_t>(field) << 3) | 2) + varint(bytes.size()) + bytes;
}
std::string real(int field, float value) {
  char bytes[4];
  std::memcpy(bytes, &value, 4);
  return varint((static_cast<std::uint64_t>(field) << 3) | 5) + std::string(bytes, 4);
}

std::string shape(int channels, int height, int width) {
  return number(1, static_cast<std::uint64_t>(channels)) + number(2, static_cast<std::uint64_t>(height)) +
         number(3, static_cast<std::uint64_t>(width));
}

/// Planes blue, green, red of a picture, or its gray ones.
std::string planes(const Image& image) {
  std::string bytes;
  for (int c = image.channels - 1; c >= 0; --c)
    for (std::size_t i = static_cast<std::size_t>(c); i < image.pixels.size();
         i += static_cast<std::size_t>(image.channels))
      bytes += static_cast<char>(image.pixels[i]);
  return bytes;
}
std::string raw(const Image& image, int label) {
  return shape(image.channels, image.height, image.width) + block(4, planes(image)) +
         number(5, static_cast<std::uint64_t>(label));
}
std::string encoded(const Image& image, int label) {
  return block(4, pnm(image)) + number(5, static_cast<std::uint64_t>(label)) + number(7, 1);
}

using Record = std::pair<std::string, std::string>;

/// A database as Caffe's tools write it; a folder, or a file alone.
void write_database(const std::filesystem::path& path, const std::vector<Record>& records,
                    bool file = false) {
  if (!file) std::filesystem::create_directory(path);
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_set_mapsize(env, std::size_t{1} << 24) == 0);
  REQUIRE(mdb_env_open(env, path.c_str(), file ? MDB_NOSUBDIR : 0U, 0644) == 0);
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, nullptr, 0, &dbi) == 0);
  for (const auto& [key, value] : records) {
    MDB_val k{key.size(), const_cast<char*>(key.data())}, v{value.size(), const_cast<char*>(value.data())};
    REQUIRE(mdb_put(txn, dbi, &k, &v, 0) == 0);
  }
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

Session session_of(const Shape& input) {
  GraphBuilder builder("input");
  const ValueId id = builder.input("data", DType::f32, input);
  builder.output(
      builder.add1("Activation", "act", Attributes::of(ActivationAttributes{.function = "relu"}), {id}));
  return Session(Program::compile(builder.finish()), 1);
}

DatasetOptions paths(std::vector<std::string> inputs) {
  DatasetOptions options;
  options.inputs = std::move(inputs);
  return options;
}

std::vector<float> filled(Dataset& dataset, Session& session, std::size_t run) {
  REQUIRE(dataset.fill(session, run));
  return {session.input(0).begin(), session.input(0).end()};
}

template <class F>
std::string error_of(const F& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("raw and encoded records give what the pictures themselves give, with labels", "[lmdb]") {
  const TemporaryFolder folder;
  const std::vector<Image> pictures = {pattern(7, 5), pattern(4, 4, 1), pattern(9, 3), pattern(6, 6)};
  std::filesystem::create_directory(folder / "files");
  for (std::size_t i = 0; i < pictures.size(); ++i)
    folder.write("files/" + std::to_string(i) + ".ppm", pnm(pictures[i]));
  write_database(folder / "train_lmdb", {{"00000000_a.jpg", raw(pictures[0], 3)},
                                         {"00000001_b.jpg", raw(pictures[1], 0)},
                                         {"00000002_c.jpg", encoded(pictures[2], 70000)},
                                         {"00000003_d.jpg", block(4, planes(pictures[3])) + shape(3, 6, 6)}});
  auto session = session_of({1, 3, 6, 6});
  DatasetOptions how = paths({(folder / "train_lmdb").string()});
  how.preprocessing.mean = {10, 20, 30};
  how.preprocessing.scale = {2};
  Dataset dataset(session.program().inputs(), how);
  how.inputs = {(folder / "files").string()};
  Dataset files(session.program().inputs(), how);
  REQUIRE(dataset.samples() == 4);
  CHECK(dataset.feeds_images());
  CHECK(dataset.preparation() == files.preparation());
  for (std::size_t i = 0; i < 4; ++i) {
    INFO(i);
    CHECK(filled(dataset, session, i) == filled(files, session, i));
  }
  CHECK(dataset.sample_label(0) == std::size_t{3});
  CHECK(dataset.sample_label(1) == std::size_t{0});
  CHECK(dataset.sample_label(2) == std::size_t{70000});
  CHECK_FALSE(dataset.sample_label(3));
  CHECK(dataset.sample_file(2) == folder / "train_lmdb/00000002_c.jpg");
  CHECK(dataset.skipped().empty());
}

TEST_CASE("a single file, several databases in a row, subsets", "[lmdb]") {
  const TemporaryFolder folder;
  write_database(folder / "one.mdb", {{"b", raw({1, 1, 1, {7}}, 1)}, {"a", raw({1, 1, 1, {5}}, 2)}}, true);
  write_database(folder / "two", {{std::string("\0\1", 2), raw({1, 1, 1, {9}}, 3)}});
  auto session = session_of({1, 1, 1, 1});
  DatasetOptions how = paths({(folder / "one.mdb").string(), (folder / "two").string()});
  Dataset dataset(session.program().inputs(), how);
  REQUIRE(dataset.samples() == 3);
  CHECK(filled(dataset, session, 0) == std::vector<float>{5});
  CHECK(filled(dataset, session, 1) == std::vector<float>{7});
  CHECK(filled(dataset, session, 2) == std::vector<float>{9});
  CHECK(dataset.sample_label(2) == std::size_t{3});
  CHECK(dataset.sample_name(2) == (folder / "two/\\x00\\x01").string());
  how.subset = 2;
  CHECK(Dataset(session.program().inputs(), how).samples() == 2);
}

TEST_CASE("records of numbers are fed as they are", "[lmdb]") {
  const TemporaryFolder folder;
  write_database(folder / "floats",
                 {{"0", shape(2, 1, 2) + real(6, -1.5F) + real(6, 2) + real(6, 3e20F) + real(6, 0)},
                  {"1", shape(2, 1, 2) + block(6, real(0, 4).substr(1) + real(0, 5).substr(1) +
                                                      real(0, 6).substr(1) + real(0, 7).substr(1))}});
  write_database(folder / "bytes", {{"0", shape(2, 1, 2) + block(4, "\x01\xff\x10\x7f")}});
  auto session = session_of({1, 2, 1, 2});
  Dataset floats(session.program().inputs(), paths({(folder / "floats").string()}));
  CHECK_FALSE(floats.feeds_images());
  CHECK(filled(floats, session, 0) == std::vector<float>{-1.5F, 2, 3e20F, 0});
  CHECK(filled(floats, session, 1) == std::vector<float>{4, 5, 6, 7});
  Dataset bytes(session.program().inputs(), paths({(folder / "bytes").string()}));
  CHECK(filled(bytes, session, 0) == std::vector<float>{1, 255, 16, 127});
}

TEST_CASE("a record that cannot be read is skipped and named", "[lmdb]") {
  const TemporaryFolder folder;
  struct Case {
    std::string record, message;
  };
  const std::vector<Case> cases = {
      {"\x0a\xff\xff", "no Datum of Caffe"},
      {number(5, 1), "no content"},
      {shape(3, 2, 2) + block(4, "abc"), "the shape 3x2x2 and holds 3 bytes"},
      {shape(0, 2, 2) + block(4, "abc"), "states the shape 0x2x2"},
      {shape(3, 1 << 22, 1) + block(4, "abc"), "states the shape 3x4194304x1"},
      {block(4, "abc") + number(7, 1), "0001"},
      {shape(1, 1, 1) + real(6, 1), "holds numbers and the first one a picture"}};
  for (const Case& c : cases) {
    INFO(c.message);
    const std::string name = "db" + std::to_string(&c - cases.data());
    write_database(folder / name, {{"0000", raw(pattern(2, 2), 1)}, {"0001", c.record}});
    auto session = session_of({1, 3, 2, 2});
    Dataset dataset(session.program().inputs(), paths({(folder / name).string()}));
    CHECK(dataset.fill(session, 0));
    CHECK_FALSE(dataset.fill(session, 1));
    REQUIRE(dataset.skipped().size() == 1);
    CHECK_THAT(dataset.skipped().front().second,
               Contains((folder / name / "0001").string()) && Contains(c.message));
  }
}

TEST_CASE("what is no database is one error", "[lmdb]") {
  const TemporaryFolder folder;
  auto session = session_of({1, 3, 2, 2});
  const auto open = [&](const std::filesystem::path& path) {
    return error_of([&] { Dataset(session.program().inputs(), paths({path.string()})); });
  };
  write_database(folder / "none", {});
  CHECK_THAT(open(folder / "none"), Contains("no records"));
  folder.write("empty.mdb", "");
  CHECK_THAT(open(folder / "empty.mdb"), Contains("empty.mdb: the file is empty"));
  folder.write("text.mdb", std::string(9000, 'x'));
  CHECK_THAT(open(folder / "text.mdb"), Contains("cannot open the database") && Contains("text.mdb"));
  folder.write("short.mdb", "x");
  CHECK_THAT(open(folder / "short.mdb"), Contains("cannot open the database"));
  CHECK_THAT(open(folder / "nowhere.mdb"), Contains("no such file"));
  std::vector<Record> many;
  for (int i = 0; i < 40; ++i) many.emplace_back("key" + std::to_string(100 + i), raw(pattern(40, 40), i));
  write_database(folder / "cut", many);
  const std::string whole = content_of(folder / "cut/data.mdb");
  folder.write("cut/data.mdb", whole.substr(0, whole.size() / 2));
  CHECK_THAT(open(folder / "cut"), Contains("cut short"));
  write_database(folder / "fine", {{"0", raw(pattern(2, 2), 1)}});
  folder.write("a.ppm", pnm(pattern(2, 2)));
  CHECK_THAT(
      error_of([&] {
        Dataset(session.program().inputs(), paths({(folder / "fine").string(), (folder / "a.ppm").string()}));
      }),
      Contains("cannot be mixed"));
  auto features = session_of({1, 8});
  CHECK_THAT(error_of([&] { Dataset(features.program().inputs(), paths({(folder / "fine").string()})); }),
             Contains("data"));
}
