#include "engine/evaluation/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::content_of;
using refcalib_test::TemporaryFolder;

TEST_CASE("a file appears when it is complete", "[output_file]") {
  const TemporaryFolder folder;
  folder.write("a", "before");
  {
    OutputFile file(folder / "a");
    file.write("after");
    CHECK(content_of(folder / "a") == "before");
    file.commit();
  }
  CHECK(content_of(folder / "a") == "after");
  CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("without commit the earlier file stays and nothing else does", "[output_file]") {
  const TemporaryFolder folder;
  folder.write("a", "before");
  { OutputFile(folder / "a").write("after"); }
  CHECK(content_of(folder / "a") == "before");
  CHECK(folder.names() == std::vector<std::string>{"a"});
}

TEST_CASE("unwritable targets are refused by name", "[output_file]") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(OutputFile(folder / "no/such/a"), refcalib_test::Contains("no/such/a: cannot create"));
  CHECK_THROWS_WITH(OutputFile(folder.path()), refcalib_test::Contains("directory"));
}

TEST_CASE("a full disk is an error and not a short file", "[output_file]") {
  OutputFile file("/dev/full");
  CHECK_THROWS_WITH(file.write("x"), refcalib_test::Contains("/dev/full: cannot write: No space left"));
}
