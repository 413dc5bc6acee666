#include "engine/evaluation/dataset.h"

#include "engine/core/error.h"
#include "engine/evaluation/npy.h"
#include "engine/evaluation/random_input.h"
#include "engine/graph/builder.h"
#include "engine/ops/activation.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::pattern;
using refcalib_test::pnm;
using refcalib_test::TemporaryFolder;

namespace {

/// A network that only has inputs of the given names and shapes (each goes through one activation).
Session session_of(const std::vector<std::pair<std::string, Shape>>& inputs) {
  GraphBuilder builder("inputs");
  std::vector<ValueId> ids;
  for (const auto& [name, shape] : inputs) ids.push_back(builder.input(name, DType::f32, shape));
  for (std::size_t i = 0; i < ids.size(); ++i)
    builder.output(builder.add1("Activation", "act" + std::to_string(i),
                                Attributes::of(ActivationAttributes{.function = "relu"}), {ids[i]}));
  return Session(Program::compile(builder.finish()), 1);
}

DatasetOptions paths(std::vector<std::string> inputs, std::size_t subset = 0) {
  DatasetOptions options;
  options.inputs = std::move(inputs);
  options.subset = subset;
  return options;
}

/// A gray picture of one pixel.
std::string pixel(std::uint8_t value) {
  return pnm({1, 1, 1, {value}});
}

/// First element of every row after fill(run).
std::vector<float> rows_of(Dataset& dataset, Session& session, std::size_t run) {
  REQUIRE(dataset.fill(session, run));
  std::vector<float> firsts;
  const std::size_t size = session.input(0).size() / dataset.batch();
  for (std::size_t row = 0; row < dataset.batch(); ++row) firsts.push_back(session.input(0)[row * size]);
  return firsts;
}

}  // namespace

TEST_CASE("a folder gives its images by name, the rest is counted", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("b.pgm", pixel(2));
  folder.write("a10.pgm", pixel(10));
  folder.write("a9.PGM", pixel(9));
  folder.write("val.txt", "a9.PGM 0");
  folder.write("c.npy", "");
  std::filesystem::create_directory(folder / "sub.pgm");
  auto session = session_of({{"data", {1, 1, 1, 1}}});
  Dataset dataset(session.program().inputs(), paths({folder.path().string()}));
  CHECK(dataset.samples() == 3);
  CHECK(dataset.ignored_files() == 2);
  CHECK(dataset.feeds_images());
  CHECK(rows_of(dataset, session, 0) == std::vector<float>{10});
  CHECK(rows_of(dataset, session, 1) == std::vector<float>{9});
  CHECK(rows_of(dataset, session, 2) == std::vector<float>{2});
  CHECK(dataset.sample_file(2).filename() == "b.pgm");
  CHECK_FALSE(dataset.sample_label(0));
}

TEST_CASE("a subset is the first samples", "[dataset]") {
  const TemporaryFolder folder;
  for (const char* name : {"a.pgm", "b.pgm", "c.pgm"}) folder.write(name, pixel(1));
  auto session = session_of({{"data", {1, 1, 1, 1}}});
  CHECK(Dataset(session.program().inputs(), paths({folder.path().string()}, 2)).samples() == 2);
  CHECK(Dataset(session.program().inputs(), paths({folder.path().string()}, 9)).samples() == 3);
}

TEST_CASE("a list names files relative to itself, with or without labels", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("one.pgm", pixel(1));
  folder.write("two words.pgm", pixel(2));
  folder.write("odd 7", pixel(3));  // a name that looks like one with a label
  const auto list =
      folder.write("list.txt", "# comment\n\n two words.pgm   5\r\none.pgm\nodd 7\none.pgm 0\n");
  auto session = session_of({{"data", {1, 1, 1, 1}}});
  Dataset dataset(session.program().inputs(), paths({list.string()}));
  REQUIRE(dataset.samples() == 4);
  for (const auto& [sample, value] :
       std::vector<std::pair<std::size_t, float>>{{0, 2}, {1, 1}, {2, 3}, {3, 1}})
    CHECK(rows_of(dataset, session, sample) == std::vector<float>{value});
  CHECK(dataset.sample_label(0) == 5U);
  CHECK_FALSE(dataset.sample_label(1));
  CHECK_FALSE(dataset.sample_label(2));
  CHECK(dataset.sample_label(3) == 0U);
}

TEST_CASE("unreadable images are named and skipped, each once", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a.pgm", pixel(1));
  folder.write("b.png", "no picture");
  folder.write("c.pgm", pixel(3));
  auto session = session_of({{"data", {1, 1, 1, 1}}});
  Dataset dataset(session.program().inputs(), paths({folder.path().string()}));
  CHECK(dataset.fill(session, 0));
  CHECK_FALSE(dataset.fill(session, 1));
  CHECK_FALSE(dataset.fill(session, 1));
  CHECK(dataset.fill(session, 2));
  REQUIRE(dataset.skipped().size() == 1);
  CHECK(dataset.skipped()[0].first == 1);
  CHECK_THAT(dataset.skipped()[0].second, refcalib_test::Contains("b.png: cannot decode"));
}

TEST_CASE("batches are filled up with samples of the same run", "[dataset]") {
  const TemporaryFolder folder;
  folder.write("a.pgm", pixel(1));
  folder.write("b.pgm", "broken");
  folder.write("c.pgm", pixel(3));
  folder.write("d.pgm", pixel(4));
  folder.write("e.pgm", "broken");
  auto session = session_of({{"data", {3, 1, 1, 1}}});
  Dataset dataset(session.program().inputs(), paths({folder.path().string()}));
  CHECK(dataset.batch() == 3);
  CHECK(dataset.runs() == 2);
  CHECK(rows_of(dataset, session, 0) == std::vector<float>{1, 3, 3});
  CHECK(dataset.rows()[0] == 0U);
  CHECK_FALSE(dataset.rows()[1]);
  CHECK(dataset.rows()[2] == 2U);
  CHECK(rows_of(dataset, session, 1) == std::vector<float>{4, 4, 4});
  CHECK(dataset.skipped().size() == 2);
}

TEST_CASE("arrays count samples along their first axis", "[dataset]") {
  const TemporaryFolder folder;
  write_npy(folder / "x.npy", {4, 2}, std::vector<float>{0, 1, 10, 11, 20, 21, 30, 31});
  auto session = session_of({{"data", {1, 2}}});
  Dataset dataset(session.program().inputs(), paths({(folder / "x.npy").string()}));
  CHECK(dataset.samples() == 4);
  CHECK_FALSE(dataset.feeds_images());
  CHECK(dataset.sample_name(2) == "sample 2");
  REQUIRE(dataset.fill(session, 3));
  CHECK(session.input(0)[1] == 31);

  auto pairs = session_of({{"data", {2, 2}}});
  Dataset batches(pairs.program().inputs(), paths({(folder / "x.npy").string()}));
  CHECK(batches.runs() == 2);
  CHECK(rows_of(batches, pairs, 1) == std::vector<float>{20, 30});
}

TEST_CASE("a folder of arrays gives one or several samples each", "[dataset]") {
  const TemporaryFolder folder;
  write_npy(folder / "b.npy", {2, 3}, std::vector<float>{1, 0, 0, 2, 0, 0});
  write_npy(folder / "a.npy", {3}, std::vector<float>{9, 0, 0});
  auto session = session_of({{"data", {1, 3}}});
  Dataset dataset(session.program().inputs(), paths({folder.path().string()}));
  REQUIRE(dataset.samples() == 3);
  CHECK(rows_of(dataset, session, 0) == std::vector<float>{9});
  CHECK(rows_of(dataset, session, 2) == std::vector<float>{2});
}

TEST_CASE("several inputs are bound by name, one run of data serves all runs", "[dataset]") {
  const TemporaryFolder folder;
  write_npy(folder / "x.npy", {3, 2}, std::vector<float>{1, 1, 2, 2, 3, 3});
  write_npy(folder / "info.npy", {1, 3}, std::vector<float>{7, 8, 9});
  auto session = session_of({{"data", {1, 2}}, {"im_info", {1, 3}}});
  Dataset dataset(session.program().inputs(), paths({"im_info=" + (folder / "info.npy").string(),
                                                     "data=" + (folder / "x.npy").string()}));
  CHECK(dataset.samples() == 3);
  for (std::size_t run = 0; run < 3; ++run) {
    CHECK(rows_of(dataset, session, run) == std::vector<float>{static_cast<float>(run + 1)});
    CHECK(session.input(1)[2] == 9);
  }
}

TEST_CASE("random inputs depend on seed, input and element alone", "[dataset]") {
  auto session = session_of({{"a", {1, 4}}, {"b", {1, 2}}});
  DatasetOptions options;
  options.random_seed = 5;
  options.random_samples = 3;
  Dataset dataset(session.program().inputs(), options);
  CHECK(dataset.samples() == 3);
  REQUIRE(dataset.fill(session, 2));
  for (std::size_t i = 0; i < 4; ++i) CHECK(session.input(0)[i] == random_input(5, 0, 8 + i));
  for (std::size_t i = 0; i < 2; ++i) CHECK(session.input(1)[i] == random_input(5, 1, 4 + i));

  auto batched = session_of({{"a", {3, 4}}});
  Dataset rows(batched.program().inputs(), options);
  CHECK(rows.runs() == 1);
  REQUIRE(rows.fill(batched, 0));
  for (std::size_t i = 0; i < 12; ++i) CHECK(batched.input(0)[i] == random_input(5, 0, i));
}

TEST_CASE("data that does not fit is refused with the reason", "[dataset]") {
  const TemporaryFolder folder;
  const TemporaryFolder empty;
  const TemporaryFolder texts;
  texts.write("readme.txt", "no image");
  folder.write("a.pgm", pixel(1));
  folder.write("empty.txt", "# nothing\n");
  folder.write("binary.dat", std::string("ab\0cd", 5));
  write_npy(folder / "x.npy", {3, 2}, std::vector<float>(6));
  write_npy(folder / "y.npy", {2, 2}, std::vector<float>(4));
  write_npy(folder / "odd.npy", {3, 5}, std::vector<float>(15));
  const auto at = [&](const char* name) { return (folder / name).string(); };
  struct Case {
    std::vector<std::pair<std::string, Shape>> network;
    std::vector<std::string> items;
    std::string message;
  };
  const std::vector<std::pair<std::string, Shape>> image{{"data", {1, 1, 1, 1}}}, row{{"data", {1, 2}}},
      two{{"a", {1, 2}}, {"b", {1, 2}}};
  const std::vector<Case> cases{
      {image, {}, "no data for input 'data'"},
      {image, {at("none")}, "no such file or folder"},
      {image, {at("none.npy")}, "no such file or folder"},
      {image, {empty.path().string()}, "the folder holds no files"},
      {image, {texts.path().string()}, "none of the 1 files"},
      {image, {at("empty.txt")}, "the list names no files"},
      {image, {at("binary.dat")}, "neither an image"},
      {image, {at("a.pgm"), at("x.npy")}, "cannot be mixed"},
      {image, {"other=" + at("a.pgm")}, "has no input 'other'; it has 'data'"},
      {row, {at("a.pgm")}, "takes no images"},
      {row, {at("odd.npy")}, "shape [3,5] does not fit input 'data' of shape [1,2]"},
      {two, {at("x.npy")}, "say which one gets"},
      {two, {"a=" + at("x.npy")}, "no data for input 'b'"},
      {two, {"a=" + at("x.npy"), "b=" + at("y.npy")}, "has 2 samples, input 'a' has 3"}};
  for (const Case& c : cases) {
    INFO(c.message);
    const auto session = session_of(c.network);
    CHECK_THROWS_AS(Dataset(session.program().inputs(), paths(c.items)), Error);
    CHECK_THROWS_WITH(Dataset(session.program().inputs(), paths(c.items)),
                      refcalib_test::Contains(c.message));
  }
}
