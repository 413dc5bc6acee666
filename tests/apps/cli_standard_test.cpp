#include <algorithm>
#include <csignal>
#include <regex>

#include "tests/apps/standard_case.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;

namespace {

/// The number that follows a text.
double number_behind(const std::string& text, const std::string& cue) {
  const std::size_t at = text.find(cue);
  INFO(cue << " in " << text);
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + cue.size()));
}

const std::vector<std::string> kModelFiles{"shapes_v7_i8.bin", "shapes_v7_i8.xml"};

}  // namespace

TEST_CASE("INT8 that meets the threshold is left as it is, without a search", "[cli]") {
  const StandardCase standard;
  const Outcome met = run_program(standard.command("met", {"--method", "mse", "-th", "1.0"}));
  INFO(met.out << met.err);
  REQUIRE(met.exit_code == 0);
  for (const char* part :
       {"FP32: top1 95.000 %", "limits: mse", "INT8 meets the threshold: nothing to search for",
        "threshold 1.000 points met", "95 % interval", "evaluations on all 300 samples: 2"})
    CHECK_THAT(met.out, Contains(part));
  CHECK(standard.names("met") == kModelFiles);
  // It is what the simplified mode makes of the same data without corrections that samples prove.
  const Outcome simple =
      run_program({"calibrate", "-sm", "-c", standard.config(), "-m", StandardCase::models(), "-s",
                   StandardCase::models(), "-o", (standard.folder() / "simple").string(), "--agreement", "0",
                   "--corrections", "fast-bias", "--no-measure"});
  INFO(simple.out << simple.err);
  REQUIRE(simple.exit_code == 0);
  CHECK(standard.written("simple") == standard.written("met"));
}

TEST_CASE("the limits are chosen where no method is asked for", "[cli]") {
  const StandardCase standard;
  const Outcome chosen = run_program(standard.command("chosen", {"-thstep", "1", "-thboundary", "98"}));
  INFO(chosen.out << chosen.err);
  REQUIRE(chosen.exit_code == 0);
  CHECK_THAT(chosen.out, Contains("the best of 4 methods on 60 samples"));
}

TEST_CASE("a hopeless start ends with a network that meets the threshold, the same for any threads",
          "[cli]") {
  const StandardCase standard;
  const std::string json = (standard.folder() / "search.json").string();
  const Outcome one =
      run_program(standard.command("one", StandardCase::hopeless({"--nthreads", "1", "--report", json})));
  INFO(one.out << one.err);
  REQUIRE(one.exit_code == 0);
  CHECK_THAT(one.out,
             Contains("INT8 misses the threshold") && Contains("costs accuracy in INT8") && Contains(" met"));
  CHECK(standard.names("one") == kModelFiles);
  const double final = number_behind(one.out, "final: ");
  CHECK(95.0 - final < 1.0);

  const std::string report = content_of(json);
  CHECK_THAT(report,
             Contains("\"met\": \"yes\"") && Contains("\"trials\": [{") && Contains("\"output_error\""));
  CHECK(number_behind(report, "\"final\": ") == final);

  const Outcome three = run_program(
      standard.command("three", StandardCase::hopeless({"--nthreads", "3", "--max-memory", "1"})));
  REQUIRE(three.exit_code == 0);
  CHECK(standard.written("three") == standard.written("one"));

  // What was written answers as was reported.
  const Outcome accuracy = run_program(
      {"accuracy", "-c", standard.config(), "-m", StandardCase::models(), "-s", StandardCase::models(),
       "--vs", (standard.folder() / "one/shapes_v7_i8.xml").string(), "--format", "csv"});
  CHECK(number_behind(accuracy.out, "shapes_v7_i8,data,top1,,") == Approx(final));

  // Other tools need an evaluation for every layer.
  for (const char* const search : {"one-by-one", "ranked", "in-order"}) {
    const Outcome naive = run_program(
        standard.command("naive", StandardCase::hopeless({"--search", search, "--report", json})));
    INFO(search << naive.out);
    REQUIRE(naive.exit_code == 0);
    CHECK(number_behind(one.out, "estimated time ") <= number_behind(naive.out, "estimated time "));
    // FP32 and all layers in INT8 are evaluated either way.
    CHECK(3 * (number_behind(report, "\"passes\": ") - 2) <=
          number_behind(content_of(json), "\"passes\": ") - 2);
  }
}

TEST_CASE("a threshold that cannot be met ends with the best network and a code of its own", "[cli]") {
  const StandardCase standard;
  const Outcome missed = run_program(
      standard.command("missed", {"--method", "percentile:5", "-th", "0", "--int8-layers", "conv1"}));
  INFO(missed.out << missed.err);
  CHECK(missed.exit_code == 5);
  CHECK_THAT(missed.out, Contains("NOT met"));
  CHECK_THAT(missed.err, Contains("the best one was written"));
  CHECK(standard.names("missed") == kModelFiles);
}

TEST_CASE("an interrupted search keeps its journal and goes on to the same network", "[cli]") {
  const StandardCase standard;
  const Outcome whole = run_program(standard.command("whole", StandardCase::hopeless()));
  REQUIRE(whole.exit_code == 0);
  for (const char* const cue : {"observing: ", "layers: ", "comparing: "}) {
    std::string name = "at ";
    name += cue;
    name.resize(name.size() - 2);
    INFO(name);
    const Outcome stopped = run_and_signal(standard.command(name, StandardCase::hopeless()), cue, SIGINT);
    CHECK(stopped.exit_code == 3);
    // Once INT8 was evaluated there is a best network so far.
    const bool early = std::string(cue) == "observing: ";
    CHECK_THAT(stopped.err, Contains(early ? "nothing was written" : "which misses the threshold") &&
                                Contains("--resume"));
    const auto names = standard.names(name);
    CHECK(std::count(names.begin(), names.end(), "shapes_v7_i8.xml.journal.json") == 1);
    CHECK(standard.written(name).empty() == early);
    const Outcome resumed = run_program(standard.command(name, StandardCase::hopeless({"--resume"})));
    INFO(resumed.out << resumed.err);
    REQUIRE(resumed.exit_code == 0);
    CHECK_THAT(resumed.out, Contains("going on from"));
    CHECK(standard.names(name) == kModelFiles);
    CHECK(standard.written(name) == standard.written("whole"));
  }
}

TEST_CASE("a journal of other options is refused", "[cli]") {
  const StandardCase standard;
  run_and_signal(standard.command("out", StandardCase::hopeless()), "layers: ", SIGINT);
  const Outcome other =
      run_program(standard.command("out", StandardCase::hopeless({"--resume", "--bins", "1024"})));
  CHECK(other.exit_code == 2);
  CHECK_THAT(other.err, Contains("is the journal of another search"));
}

TEST_CASE("statistics can be collected from a configuration and used by standard mode", "[cli]") {
  const StandardCase standard;
  const std::string file = (standard.folder() / "shapes.rcstat").string();
  const Outcome collected = run_program({"collect", "-c", standard.config(), "-m", StandardCase::models(),
                                         "-s", StandardCase::models(), "-o", file});
  INFO(collected.out << collected.err);
  REQUIRE(collected.exit_code == 0);
  const Outcome from_file = run_program(standard.command("file", {"--method", "mse", "--statistics", file}));
  INFO(from_file.out << from_file.err);
  REQUIRE(from_file.exit_code == 0);
  REQUIRE(run_program(standard.command("data", {"--method", "mse"})).exit_code == 0);
  CHECK(standard.written("file") == standard.written("data"));
}

TEST_CASE("samples that cannot be read are named and count nothing in the search", "[cli]") {
  const StandardCase standard;
  std::string list = content_of(example("heldout.txt"));
  list = list.substr(0, list.find('\n', 1500) + 1) + "missing.png 3\nheldout.txt 2\n";
  const std::string file = standard.folder().write("list.txt", list).string();
  std::string config = content_of(standard.config());
  config.replace(config.find("heldout.txt"), 11, file);
  const std::string changed = standard.folder().write("changed.yml", config).string();
  const Outcome outcome =
      run_program({"calibrate", "-c", changed, "-m", StandardCase::models(), "-s", StandardCase::models(),
                   "-o", (standard.folder() / "out").string(), "-mn", "top1", "--method", "mse"});
  INFO(outcome.out << outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.err,
             Contains("missing.png") && Contains("2 of ") && Contains("could not be used and count nothing"));
  CHECK(standard.names("out") == kModelFiles);
}

TEST_CASE("mistakes in the command line of standard mode are one line", "[cli]") {
  const StandardCase standard;
  struct Case {
    std::vector<std::string> more;
    const char* message;
  };
  for (const Case& c :
       std::vector<Case>{{{"-mn", "top3"}, "no such metric; it has top1 (accuracy), top5 (accuracy)"},
                         {{"-d", "GPU"}, "the only device is CPU"},
                         {{"-th", "-1"}, "no number from 0 on"},
                         {{"-d", "nowhere.yml"}, "nowhere.yml"},
                         {{"-mn", "top1", "-mt", "map"}, "no such metric"},
                         {{"--search", "random"}, "one-by-one"}}) {
    std::vector<std::string> arguments{"calibrate",
                                       "-c",
                                       standard.config(),
                                       "-m",
                                       StandardCase::models(),
                                       "-s",
                                       StandardCase::models(),
                                       "-o",
                                       (standard.folder() / "no").string()};
    arguments.insert(arguments.end(), c.more.begin(), c.more.end());
    const Outcome outcome = run_program(arguments);
    INFO(c.message << ": " << outcome.err);
    CHECK(outcome.exit_code != 0);
    CHECK_THAT(outcome.err, Contains(c.message));
    CHECK(lines_with(outcome.err, "refcalib: ") == 1);
  }
  CHECK_THAT(run_program({"calibrate", "-m", example("shapes_v7.xml")}).err, Contains("no configuration"));
}
