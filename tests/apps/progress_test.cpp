#include "apps/refcalib/progress.h"

#include <sstream>

#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::app;
using Kind = ProgressStyle::Kind;

TEST_CASE("progress styles", "[progress]") {
  struct Case {
    std::string text;
    bool terminal;
    Kind kind;
    std::size_t every;
  };
  const std::vector<Case> cases{{"", true, Kind::bar, 0},        {"", false, Kind::print, 0},
                                {"bar", true, Kind::bar, 0},     {"bar", false, Kind::print, 0},
                                {"print", true, Kind::print, 0}, {"print:25", true, Kind::print, 25},
                                {"None", true, Kind::none, 0},   {"none", false, Kind::none, 0}};
  for (const Case& c : cases) {
    INFO(c.text);
    const ProgressStyle style = parse_progress(c.text, c.terminal);
    CHECK(style.kind == c.kind);
    CHECK(style.every == c.every);
  }
  for (const char* wrong : {"dots", "print:", "print:0", "print:x", "print:-1", "bar:3"})
    CHECK_THROWS_AS(parse_progress(wrong, true), refcalib::engine::UsageError);
}

TEST_CASE("the bar shows part, count and time left", "[progress]") {
  CHECK(progress_bar(50, 100, 10) == "[###############...............]  50 %  50/100  time left 10.0 s");
  CHECK(progress_bar(0, 4, 1) == "[..............................]   0 %  0/4");
  CHECK(progress_bar(4, 4, 1) == "[##############################] 100 %  4/4");
}

TEST_CASE("plain lines come every N samples and at the end", "[progress]") {
  std::ostringstream out, err;
  Report report(out, err, false);
  ProgressMeter meter(report, {Kind::print, 3}, "working");
  for (std::size_t done = 1; done <= 7; ++done) meter.update(done, 7);
  const std::string text = err.str();
  CHECK(std::count(text.begin(), text.end(), '\n') == 3);
  CHECK(text.find("working: 3 of 7, time left ") == 0);
  CHECK(text.find("working: 7 of 7\n") != std::string::npos);
  CHECK(out.str().empty());
}

TEST_CASE("without a number, plain lines come by time", "[progress]") {
  std::ostringstream out, err;
  Report report(out, err, false);
  ProgressMeter meter(report, {Kind::print, 0}, "working");
  for (std::size_t done = 1; done <= 7; ++done) meter.update(done, 7);
  CHECK(err.str() == "working: 7 of 7\n");
}

TEST_CASE("none is silent, a bar leaves no line behind", "[progress]") {
  std::ostringstream out, err;
  Report report(out, err, true);
  ProgressMeter(report, {Kind::none, 0}, "x").update(1, 1);
  CHECK(err.str().empty());
  ProgressMeter meter(report, {Kind::bar, 0}, "x");
  meter.update(1, 2);
  CHECK(err.str().find("\rx [####") == 0);
  meter.update(2, 2);
  CHECK(err.str().back() == '\r');
  CHECK(err.str().find('\n') == std::string::npos);
}

TEST_CASE("errors are one line, whatever their text", "[progress]") {
  std::ostringstream out, err;
  Report report(out, err, false);
  report.error("a\nb\rc");
  CHECK(err.str() == "refcalib: a b c\n");
}
