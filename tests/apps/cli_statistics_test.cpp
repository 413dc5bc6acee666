#include <algorithm>
#include <csignal>
#include <filesystem>

#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;

namespace {

namespace fs = std::filesystem;

Outcome succeed(const std::vector<std::string>& arguments) {
  Outcome outcome = run_program(arguments);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  return outcome;
}

/// Runs and expects one line of error that contains all parts.
void fail(const std::vector<std::string>& arguments, int exit_code, const std::vector<std::string>& parts) {
  const Outcome outcome = run_program(arguments);
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK(lines_with(outcome.err, "refcalib: ") == 1);
  for (const std::string& part : parts) CHECK_THAT(outcome.err, Contains(part));
}

/// Copies every third image of the example's calibration set, from the given one on.
std::string shard(const TemporaryFolder& folder, std::size_t first) {
  const fs::path to = folder / ("shard" + std::to_string(first));
  fs::create_directories(to);
  std::vector<fs::path> images;
  for (const auto& entry : fs::directory_iterator(example("calibration"))) images.push_back(entry.path());
  std::sort(images.begin(), images.end());
  for (std::size_t i = first; i < 40; i += 3) fs::copy_file(images[i], to / images[i].filename());
  return to.string();
}

}  // namespace

TEST_CASE("statistics of shards, merged, calibrate to the same files", "[cli]") {
  const TemporaryFolder folder;
  for (const std::string generation : {"v7", "v11"}) {
    const std::string model = example("shapes_" + generation + ".xml"),
                      whole = folder / (generation + ".rcstat");
    CHECK_THAT(
        succeed({"collect", "-m", model, "-s", example("calibration"), "-ss", "40", "-o", whole}).out,
        Contains("collected 40 samples") && Contains("convergence: ") && Contains("of model 'shapes'"));
    std::vector<std::string> merge = {"merge", "-o", folder / "merged.rcstat"};
    for (const std::size_t first : {2U, 0U, 1U}) {
      const std::string images = shard(folder, first),
                        part = folder / ("part" + std::to_string(first) + ".rcstat");
      succeed({"collect", "-m", model, "-s", images, "-o", part, "-nthreads", "2"});
      merge.push_back(part);
      fs::remove_all(images);
    }
    CHECK_THAT(succeed(merge).out, Contains("merged 3 files: 40 samples"));
    CHECK(content_of(folder / "merged.rcstat") == content_of(whole));

    const std::string direct = folder / "direct.xml", later = folder / "later.xml";
    succeed({"calibrate", "-sm", "-m", model, "-s", example("calibration"), "-ss", "40", "-o", direct,
             "--no-measure", "--method", "kl", "--ignore_layer_names", "res*", "--corrections", "fast-bias"});
    const Outcome outcome =
        succeed({"calibrate", "-sm", "-m", model, "--statistics", folder / "merged.rcstat", "-o", later,
                 "--method", "kl", "--ignore_layer_names", "res*"});
    CHECK_THAT(outcome.out, Contains("calibrated with 40 samples of "));
    CHECK_THAT(outcome.err, Contains("note: left out for want of images") && Contains("equalization") &&
                                Contains("comparison of INT8 with FP32"));
    CHECK(content_of(direct) == content_of(later));
    CHECK(content_of(folder / "direct.bin") == content_of(folder / "later.bin"));
  }
}

TEST_CASE("an interrupted collection leaves a state to go on from, and no result", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), file = folder / "a.rcstat";
  std::vector<std::string> command = {"collect", "-m", model,        "-s",      example("calibration"),
                                      "-o",      file, "--progress", "print:1", "-nthreads",
                                      "1"};
  const Outcome stopped = run_and_signal(command, "collecting: 3", SIGINT);
  REQUIRE(stopped.exit_code == 3);
  CHECK_THAT(stopped.err, Contains("--resume"));
  CHECK(folder.names() == std::vector<std::string>{"a.rcstat.partial"});
  command.push_back("--resume");
  CHECK_THAT(succeed(command).out, Contains("going on from "));
  CHECK(folder.names() == std::vector<std::string>{"a.rcstat"});
  succeed({"collect", "-m", model, "-s", example("calibration"), "-o", folder / "b.rcstat"});
  CHECK(content_of(file) == content_of(folder / "b.rcstat"));
  CHECK_THAT(succeed(command).err, Contains("nothing to resume"));
}

TEST_CASE("statistics that do not fit are one clear error", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), file = folder / "a.rcstat", other = folder / "b.rcstat";
  succeed({"collect", "-m", model, "-s", example("calibration"), "-ss", "3", "-o", file});
  succeed(
      {"collect", "-m", example("shapes_v11.xml"), "-s", example("calibration"), "-ss", "3", "-o", other});
  const std::string good = content_of(file), none = folder / "none.rcstat";
  std::string flipped = good;
  flipped[good.size() / 2] = static_cast<char>(flipped[good.size() / 2] ^ 4);
  const std::string cut = folder.write("cut.rcstat", good.substr(0, good.size() - 9)).string(),
                    bad = folder.write("bad.rcstat", flipped).string(),
                    foreign = folder.write("foreign.rcstat", content_of(model)).string(),
                    empty = folder.write("empty.rcstat", "").string();
  succeed({"collect", "-m", model, "--empty", "-o", none});
  succeed({"collect", "-m", model, "-s", example("calibration"), "-ss", "2", "--mean", "3", "-o",
           folder / "m.rcstat"});
  const auto calibrate = [&](const std::string& statistics) {
    return std::vector<std::string>{"calibrate",    "-sm",      "-m", model,
                                    "--statistics", statistics, "-o", folder / "o.xml"};
  };
  fail(calibrate(cut), 1, {"cut.rcstat", "ends too early", "collect the statistics anew"});
  fail(calibrate(bad), 1, {"bad.rcstat", "damaged"});
  fail(calibrate(foreign), 1, {"foreign.rcstat", "not a file of refcalib statistics"});
  fail(calibrate(empty), 1, {"empty.rcstat", "not a file of refcalib statistics"});
  fail(calibrate(other), 1, {"b.rcstat", "statistics of another model", "collect them with"});
  fail(calibrate(none), 2, {"none.rcstat", "no sample"});
  fail(calibrate(folder / "absent"), 1, {"absent", "cannot open"});
  fail(calibrate(folder.path().string()), 1, {"is a folder"});
  fail({"merge", file, other, "-o", folder / "o.rcstat"}, 1, {"b.rcstat", "a.rcstat", "different models"});
  fail({"merge", file, folder / "m.rcstat", "-o", folder / "o.rcstat"}, 1, {"prepared differently"});
  fail({"merge", file, bad, "-o", folder / "o.rcstat"}, 1, {"bad.rcstat"});
  fail({"merge", file, "-o", folder / "no/such.rcstat"}, 1, {"no such folder"});
  fail({"collect", "-m", model, "-o", folder / "o.rcstat"}, 2, {"no data"});
  fail({"collect", "-m", model, "-s", example("calibration"), "--no-records", "--resume", "-o",
        folder / "o.rcstat"},
       2, {"--resume"});
  fail({"calibrate", "-sm", "-m", model, "-o", folder / "o.xml"}, 2, {"no data", "--statistics"});
  CHECK_FALSE(fs::exists(folder / "o.xml"));
  CHECK_FALSE(fs::exists(folder / "o.rcstat"));
}

TEST_CASE("layers are selected by patterns, lists and place", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), file = folder / "a.rcstat", out = folder / "o.xml";
  succeed({"collect", "-m", model, "-s", example("calibration"), "-ss", "20", "-o", file});
  const std::string list = folder.write("list", "res3a\nre:pw.*\n").string();
  struct Case {
    std::vector<std::string> options;
    std::string layers;
  };
  const Case cases[] = {{{}, "11 of 11"},
                        {{"--ignore-layer-names", "res3?"}, "9 of 11"},
                        {{"--ignore_layer_names_path", list}, "8 of 11"},
                        {{"--int8-layers", "conv1", "dw*"}, "4 of 11"},
                        {{"--int8-layers", "conv1,dw*"}, "4 of 11"},
                        {{"--int8-layers-path", list}, "3 of 11"},
                        {{"--first-layer", "fp32"}, "10 of 11"},
                        {{"--first-layer", "fp32", "--last-layer", "fp32"}, "9 of 11"},
                        {{"--ignore-between", "res3a:res3b"}, "9 of 11"},
                        {{"--ignore_layer_types", "FullyConnected"}, "10 of 11"}};
  for (const Case& c : cases) {
    std::vector<std::string> arguments = {"calibrate", "-sm", "-m", model, "--statistics", file, "-o", out};
    arguments.insert(arguments.end(), c.options.begin(), c.options.end());
    CHECK_THAT(succeed(arguments).out, Contains("layers: " + c.layers));
  }
  const std::vector<std::string> command = {"calibrate", "-sm", "-m", model, "--statistics", file, "-o", out};
  const auto with = [&](const std::vector<std::string>& options) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), options.begin(), options.end());
    return arguments;
  };
  fail(with({"--ignore-layer-names", "res3c"}), 2, {"no layer 'res3c' (is 'res3' meant?)"});
  fail(with({"--ignore-layer-types", "Convolutional"}), 2, {"'Convolutional'", "is 'Convolution' meant?"});
  fail(with({"--ignore-between", "res3a"}), 2, {"FIRST:LAST"});
  fail(with({"--int8-layers-path", folder.write("nothing", "\n").string()}), 2, {"names no layer"});
}

TEST_CASE("subsets are drawn by seed and percentage", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), file = folder / "a.rcstat";
  const auto collect = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"collect", "-m", model, "-s", example("calibration"), "-o", file});
    const std::string out = succeed(options).out;
    return out.substr(out.find("collected "), out.find(", 14 values") - out.find("collected "));
  };
  const std::string first = collect({"-ss", "10"});
  CHECK(first == collect({"--subset-percent", "10"}));
  CHECK_THAT(collect({"--subset-percent", "0.5"}), Contains("1 sample,"));
  const std::string drawn = collect({"-ss", "10", "--seed", "1"});
  CHECK_THAT(drawn, Contains("10 samples"));
  CHECK(drawn != first);
  CHECK(drawn == collect({"--subset-percent", "10", "--seed", "1"}));
  CHECK(drawn != collect({"-ss", "10", "--seed", "2"}));
  CHECK(collect({"-ss", "100", "--seed", "2"}) == collect({}));
  fail(
      {"collect", "-m", model, "-s", example("calibration"), "-o", file, "-ss", "3", "--subset-percent", "4"},
      2, {"--subset"});
}

TEST_CASE("a calibrated model is diagnosed, in words and as reports", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), quantized = folder / "q.xml";
  succeed({"calibrate", "-sm", "-m", model, "-s", example("calibration"), "-ss", "20", "--weights",
           "per-tensor", "-o", quantized, "--no-measure"});
  const std::string json = folder / "d.json", csv = folder / "d.csv";
  const Outcome outcome = succeed({"diagnose", "-m", model, "-q", quantized, "-i", example("heldout"), "-ss",
                                   "4", "--explain", "2", "--rows", "3", "--report", json, csv});
  CHECK_THAT(outcome.out, Contains("simulated from its layers: ") && Contains("4 runs compared") &&
                              Contains("1. '") && Contains("2. '") && Contains("helps most: weights anew"));
  const std::string rows = content_of(csv);
  CHECK(lines_with(rows, "dw5,Convolution,") == 1);
  CHECK(std::count(rows.begin(), rows.end(), '\n') >= 12);
  CHECK_THAT(content_of(json), Contains("\"output_sqnr_db\": ") && Contains("\"remedies\": [{"));
  fail({"diagnose", "-m", model, "-q", model, "-i", example("heldout")}, 2,
       {"nothing in the second model is quantized"});
  fail({"diagnose", "-m", model, "-q", quantized}, 2, {"no data"});
  fail({"diagnose", "-m", model, "-q", quantized, "-i", example("heldout"), "--report", folder / "d.txt"}, 2,
       {"d.txt", ".json or .csv"});
}
