#include "apps/refcalib/supported_report.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "engine/formats/model_formats.h"
#include "tests/support/catch.hpp"

using namespace refcalib::app;
using refcalib_test::Contains;

TEST_CASE("docs/operations.md is the printed table", "[supported]") {
  if (refcalib::engine::onnx_operators().empty()) {
    WARN("skipped: this build reads no ONNX, which the page lists");
    return;
  }
  std::ifstream file(REFCALIB_SOURCE_DIR "/docs/operations.md", std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  INFO("write it anew: refcalib inspect --supported --format markdown > docs/operations.md");
  CHECK(page == supported_markdown());
}

TEST_CASE("both forms have the same rows", "[supported]") {
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  // Title, blank, command, blank, and a line under the header of each of the tables.
  const int tables = refcalib::engine::onnx_operators().empty() ? 2 : 3;
  CHECK(lines(supported_markdown()) == lines(supported_text()) + 4 + tables);
  for (const char* word : {"ScaleShift", "GroupConvolution (1)", "MaxPool (1, 8)", "moves values"}) {
    CHECK_THAT(supported_text(), Contains(word));
    CHECK_THAT(supported_markdown(), Contains(word));
  }
}
