#include "apps/refcalib/argv_rewrite.h"

#include "apps/refcalib/command.h"
#include "engine/core/error.h"
#include "tests/support/catch.hpp"

using namespace refcalib::app;
using Words = std::vector<std::string>;

namespace {

/// The declared long names and aliases of a real subcommand.
struct Declared {
  explicit Declared(Command made) : command(std::move(made)) {
    command.declare(app);
    for (const CLI::Option* const option : app.get_options())
      for (const std::string& name : option->get_lnames()) long_names.push_back("--" + name);
  }
  Words rewrite(const Words& words) const { return rewrite_arguments(words, command.aliases, long_names); }

  Command command;
  CLI::App app;
  Words long_names;
};

struct Case {
  Words from, to;
};

}  // namespace

TEST_CASE("the spellings of the 2019 Calibration Tool", "[argv]") {
  const Declared calibrate(calibrate_command());
  const std::vector<Case> cases{
      {{"-sm", "-m", "a.xml", "-s", "dir"}, {"--simplified-mode", "-m", "a.xml", "-s", "dir"}},
      {{"-ss", "100"}, {"--subset", "100"}},
      {{"-td", "CPU"}, {"--target-devices", "CPU"}},
      {{"-tt", "tag"}, {"--target-tags", "tag"}},
      {{"-th", "1.0"}, {"--threshold", "1.0"}},
      {{"-thstep", "0.5"}, {"--threshold-step", "0.5"}},
      {{"-thboundary", "95"}, {"--threshold-boundary", "95"}},
      {{"-ic", "1"}, {"--benchmark-iterations-count", "1"}},
      {{"-mn", "accuracy"}, {"--metric-name", "accuracy"}},
      {{"-mt", "accuracy"}, {"--metric-type", "accuracy"}},
      {{"-cfc"}, {"--calibrate-fully-connected"}},
      {{"-p", "INT8", "-o", "x", "-e", "lib.so", "-d", "CPU"},
       {"-p", "INT8", "-o", "x", "-e", "lib.so", "-d", "CPU"}},
      {{"--simplified_mode"}, {"--simplified-mode"}},
      {{"--output_dir", "x"}, {"--output-dir", "x"}},
      {{"--output_dir=x_y"}, {"--output-dir=x_y"}},
      {{"--definition", "f.yml"}, {"--definitions", "f.yml"}},
      {{"--simpl"}, {"--simplified-mode"}},
      {{"--ignore_layer_names", "a_b"}, {"--ignore-layer-names", "a_b"}},
      {{"--ignore_layer_names_p=f"}, {"--ignore-layer-names-path=f"}},
      {{"--threshold", "2"}, {"--threshold", "2"}},
      {{"-nthreads", "2"}, {"--nthreads", "2"}}};
  for (const Case& c : cases) {
    INFO(c.from.front());
    CHECK(calibrate.rewrite(c.from) == c.to);
  }
}

TEST_CASE("the spellings of the 2019 Benchmark App", "[argv]") {
  const Declared bench(bench_command());
  const std::vector<Case> cases{{{"-api", "async"}, {"--api", "async"}},
                                {{"-niter", "10"}, {"--niter", "10"}},
                                {{"-nstreams", "2", "-nireq", "4"}, {"--nstreams", "2", "--nireq", "4"}},
                                {{"-nthreads", "1"}, {"--nthreads", "1"}},
                                {{"-pin"}, {"--pin"}},
                                {{"-pc"}, {"--per-layer"}},
                                {{"-report_type", "no_counters"}, {"--report-type", "no_counters"}},
                                {{"-report_folder=x"}, {"--report-folder=x"}},
                                {{"-shape", "[1,3,2,2]"}, {"--shape", "[1,3,2,2]"}},
                                {{"-t", "3", "-b", "1"}, {"-t", "3", "-b", "1"}},
                                {{"-progress"}, {"--progress"}},
                                {{"--vs", "b.xml"}, {"--vs", "b.xml"}}};
  for (const Case& c : cases) {
    INFO(c.from.front());
    CHECK(bench.rewrite(c.from) == c.to);
  }
}

TEST_CASE("negative numbers belong to the option before them", "[argv]") {
  const Declared infer(infer_command());
  CHECK(infer.rewrite({"--mean", "-1,2,3"}) == Words{"--mean=-1,2,3"});
  CHECK(infer.rewrite({"--scale", "-.5", "--mean", "1"}) == Words{"--scale=-.5", "--mean", "1"});
  CHECK(infer.rewrite({"--mean=1", "-5"}) == Words{"--mean=1", "-5"});
  CHECK(infer.rewrite({"x", "-5"}) == Words{"x", "-5"});
}

TEST_CASE("everything else stays as it is", "[argv]") {
  const Declared bench(bench_command());
  for (const Words& words : {Words{}, Words{"a.xml", "", "-", "x-y", "a_b"},
                             Words{"-unknown", "--unknown_one"}, Words{"--", "-pc", "--report_type"}}) {
    Words expected = words;
    if (!words.empty() && words.front() == "-unknown") expected[1] = "--unknown-one";
    CHECK(bench.rewrite(words) == expected);
  }
}

TEST_CASE("an ambiguous prefix is refused with the candidates", "[argv]") {
  const Declared calibrate(calibrate_command());
  CHECK_THROWS_AS(calibrate.rewrite({"--thresh"}), refcalib::engine::UsageError);
  CHECK_THROWS_WITH(
      calibrate.rewrite({"--metric", "x"}),
      refcalib_test::Contains("--metric is ambiguous: ") && refcalib_test::Contains("--metric-type"));
}

TEST_CASE("a name that is the beginning of another one is itself", "[argv]") {
  const Words names{"--vs", "--vs-fp32"};
  CHECK(rewrite_arguments(Words{"--vs"}, {}, names) == Words{"--vs"});
  CHECK(rewrite_arguments(Words{"--vs-"}, {}, names) == Words{"--vs-fp32"});
}

TEST_CASE("every alias leads to a declared option", "[argv]") {
  for (Command (*const make)() :
       {calibrate_command, bench_command, infer_command, inspect_command, compare_command, isa_command}) {
    const Declared declared(make());
    for (const Alias& alias : declared.command.aliases) {
      INFO(declared.command.name << " " << alias.spelling);
      CHECK(std::count(declared.long_names.begin(), declared.long_names.end(), alias.option) == 1);
    }
  }
}
