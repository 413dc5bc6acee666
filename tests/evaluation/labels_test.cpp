#include "engine/evaluation/labels.h"

#include <sstream>

#include "engine/core/error.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;

namespace {

Labels parse(const std::string& text) {
  std::istringstream in(text);
  return Labels::parse(in);
}

}  // namespace

TEST_CASE("labels by file name", "[labels]") {
  const Labels labels = parse("# comment\na.png 3\n\n  my file.jpg \t 12\r\nsub/b.png 0\n");
  CHECK(labels.size() == 3);
  CHECK_FALSE(labels.by_position());
  CHECK(labels.find("a.png", 99) == 3U);
  CHECK(labels.find("/some/where/a.png", 99) == 3U);
  CHECK(labels.find("/data/my file.jpg", 0) == 12U);
  CHECK(labels.find("sub/b.png", 0) == 0U);
  CHECK_FALSE(labels.find("c.png", 0));
}

TEST_CASE("labels by position", "[labels]") {
  const Labels labels = parse("7\n# between\n 2 \n6");
  CHECK(labels.by_position());
  CHECK(labels.find("x.png", 0) == 7U);
  CHECK(labels.find({}, 2) == 6U);
  CHECK_FALSE(labels.find({}, 3));
}

TEST_CASE("malformed labels are refused with the line", "[labels]") {
  struct Case {
    std::string text, message;
  };
  const std::vector<Case> cases{{"a.png 1\nb.png\n", "line 2: `file index` or `index` expected"},
                                {"a.png -1\n", "line 1"},
                                {"a.png 1.5\n", "line 1"},
                                {"a.png 99999999999999999999\n", "line 1"},
                                {"a.png 1\n\n3\n", "line 3: lines with and without"},
                                {"1\na.png 1\n", "line 2: lines with and without"},
                                {"a.png 1\na.png 2\n", "line 2: 'a.png' has another label above"}};
  for (const Case& c : cases) {
    INFO(c.text);
    CHECK_THROWS_AS(parse(c.text), FormatError);
    CHECK_THROWS_WITH(parse(c.text), refcalib_test::Contains(c.message));
  }
  CHECK(parse("a.png 1\na.png 1\n").size() == 1);
}

TEST_CASE("label files name themselves in errors", "[labels]") {
  const refcalib_test::TemporaryFolder folder;
  CHECK_THROWS_AS(Labels::read(folder / "none.txt"), IoError);
  CHECK_THROWS_AS(Labels::read(folder.path()), IoError);
  CHECK_THROWS_WITH(Labels::read(folder.write("empty.txt", "# nothing\n")),
                    refcalib_test::Contains("empty.txt: no labels"));
  CHECK_THROWS_WITH(Labels::read(folder.write("bad.txt", "?\n")), refcalib_test::Contains("bad.txt: line 1"));
  CHECK(Labels::read(folder.write("good.txt", "4\n")).find({}, 0) == 4U);
}
