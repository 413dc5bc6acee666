#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>

#include "engine/evaluation/npy.h"
#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;
using refcalib::engine::read_npy;
using refcalib::engine::Shape;

namespace {

Outcome succeed(const std::vector<std::string>& arguments, const std::vector<std::string>& environment = {}) {
  Outcome outcome = run_program(arguments, environment);
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  return outcome;
}

/// The number behind `key` in a text like "top-1 95.00 %".
double number_behind(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + key.size()));
}

/// Calibrates the example into the folder and returns the path of the new model.
std::string calibrated(const TemporaryFolder& folder, const std::string& generation) {
  succeed({"calibrate", "-sm", "-m", example("shapes_" + generation + ".xml"), "-s", example("calibration"),
           "-ss", "40", "-o", folder.path().string(), "--no-measure"});
  return folder / ("shapes_" + generation + "_i8.xml");
}

}  // namespace

TEST_CASE("version and help", "[cli]") {
  CHECK(succeed({"--version"}).out.starts_with("refcalib 0."));
  const std::string help = succeed({"--help"}).out;
  for (const char* word : {"calibrate", "bench", "infer", "inspect", "compare", "isa", "accuracy",
                           "convert-annotation", "explain", "doctor", "Exit codes"})
    CHECK_THAT(help, Contains(word));
  for (const char* command : {"calibrate", "bench", "infer", "inspect", "compare", "isa", "accuracy",
                              "convert-annotation", "explain", "doctor"})
    CHECK(lines_with(succeed({command, "--help"}).out, "Exit codes") == 1);
}

TEST_CASE("options in the documentation are options of the program", "[cli]") {
  // TPU-MLIR's pages and its tools disagree about the names of options.
  std::set<std::filesystem::path> pages{std::filesystem::path(REFCALIB_SOURCE_DIR) / "README.md"};
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(REFCALIB_SOURCE_DIR) / "docs"))
    if (entry.path().extension() == ".md") pages.insert(entry.path());
  const std::string commands = succeed({"--help"}).out;
  std::map<std::string, std::string> helps;
  const std::regex call("refcalib ([a-z][a-z-]*)(?: +(export|import|diff))?([^\n`]*)"),
      option("[\\s\\[|]--([a-z][a-z0-9_-]*)");
  std::size_t options = 0;
  for (const std::filesystem::path& page : pages) {
    std::ifstream in(page);
    const std::string text =
        std::regex_replace(std::string{std::istreambuf_iterator<char>(in), {}}, std::regex("\\\\\n"), " ");
    for (auto found = std::sregex_iterator(text.begin(), text.end(), call); found != std::sregex_iterator();
         ++found) {
      const std::string command = found->str(1), part = found->str(2), rest = " " + found->str(3);
      // The fields of converters are listed by another table; words of sentences are no commands.
      if (command == "convert-annotation" ||
          !std::regex_search(commands, std::regex("\n *" + command + "\\s")))
        continue;
      std::vector<std::string> arguments{command};
      if (!part.empty()) arguments.push_back(part);
      std::string& help = helps[command + part];
      if (help.empty()) {
        arguments.emplace_back("--help");
        help = succeed(arguments).out;
      }
      for (auto used = std::sregex_iterator(rest.begin(), rest.end(), option); used != std::sregex_iterator();
           ++used) {
        // Underscores: spellings of the tools that were replaced, which cli_migration_test.cpp tries.
        if (used->str(1).find('_') != std::string::npos) continue;
        INFO(page.filename().string() << ": refcalib" << found->str(0).substr(8));
        CHECK(std::regex_search(help, std::regex("--" + used->str(1) + "(?![a-z0-9_-])")));
        ++options;
      }
    }
  }
  CHECK(options > 80);
}

TEST_CASE("isa lists what there is and what is in use", "[cli]") {
  const std::string all = succeed({"isa"}).out;
  CHECK(all.starts_with("scalar"));
  CHECK_THAT(all, Contains("(in use)"));
  CHECK_THAT(succeed({"isa"}, {"REFCALIB_ISA=scalar"}).out, Contains("scalar  (in use)"));
}

TEST_CASE("the table of operations needs no model, everything else of inspect does", "[cli]") {
  const std::string text = succeed({"inspect", "--supported"}).out;
  const std::string page = succeed({"inspect", "-supported", "-format", "markdown"}).out;
  CHECK_THAT(text, Contains("GroupConvolution (1)"));
  CHECK(page.starts_with("# Operations\n"));
  const std::string model = example("shapes_v7.xml");
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"inspect"},
                                             {"inspect", "--supported", "-m", model},
                                             {"inspect", "-m", model, "--format", "markdown"}}) {
    const Outcome outcome = run_program(wrong);
    CHECK(outcome.exit_code == 2);
    CHECK_THAT(outcome.err, Contains("see refcalib inspect --help"));
  }
}

TEST_CASE("every subcommand that reads a model takes other input shapes", "[cli]") {
  const std::string model = example("shapes_v11.xml");
  CHECK_THAT(succeed({"inspect", "-m", model, "--shape", "[2,3,48,40]"}).out, Contains("'data' [2,3,48,40]"));
  CHECK_THAT(succeed({"infer", "-m", model, "-b", "3", "--random", "1"}).out, Contains("per run of 3"));
  succeed({"bench", "-m", model, "-b", "3", "-niter", "2"});
  const TemporaryFolder folder;
  succeed({"calibrate", "-sm", "-m", model, "-s", example("calibration"), "-ss", "8", "-o",
           folder.path().string(), "-b", "2", "--shape", "data[2,3,40,40]", "--no-measure"});
  const std::string out = succeed({"compare", model, folder / "shapes_v11_i8.xml", "--shape", "[2,3,48,48]",
                                   "-i", example("heldout"), "-subset", "4", "--outputs-only"})
                              .out;
  CHECK_THAT(out, Contains("stretch to 48x48"));
}

TEST_CASE("calibrate, then infer: the whole way in both generations", "[cli]") {
  for (const std::string generation : {"v7", "v11"}) {
    INFO(generation);
    const TemporaryFolder folder;
    const auto infer = [&](const std::string& model) {
      return succeed({"infer", "-m", model, "-i", example("heldout"), "--labels", example("heldout.txt")})
          .out;
    };
    const std::string before = infer(example("shapes_" + generation + ".xml"));
    const std::string after = infer(calibrated(folder, generation));
    CHECK(number_behind(before, "top-1 ") > 90.0);
    CHECK(number_behind(after, "top-1 ") > number_behind(before, "top-1 ") - 2.0);
    CHECK(folder.names() ==
          std::vector<std::string>{"shapes_" + generation + "_i8.bin", "shapes_" + generation + "_i8.xml"});
  }
}

TEST_CASE("calibrate says what it did", "[cli]") {
  const TemporaryFolder folder;
  const Outcome outcome = succeed({"calibrate",
                                   "-sm",
                                   "-m",
                                   example("shapes_v7.xml"),
                                   "-s",
                                   example("calibration"),
                                   "-ss",
                                   "20",
                                   "-o",
                                   (folder / "named.xml").string(),
                                   "--progress",
                                   "print:10",
                                   "-v",
                                   "--report",
                                   (folder / "layers.csv").string(),
                                   "-td",
                                   "CPU",
                                   "-th",
                                   "1",
                                   "-e",
                                   "x.so",
                                   "-p",
                                   "INT8"});
  for (const char* part :
       {"stretch to 32x32, BGR", "calibrated with 20 samples (0 skipped)", "run in INT8", "named.xml",
        "observed min", "INT8 against FP32", "speed-up", "total time", "peak memory"})
    CHECK_THAT(outcome.out, Contains(part));
  CHECK(lines_with(outcome.err, "calibrating: ") >= 2);
  CHECK(lines_with(outcome.err, "note: --threshold is ignored") == 1);
  CHECK(lines_with(outcome.err, "note: --extensions is ignored") == 1);
  CHECK(folder.names() == std::vector<std::string>{"layers.csv", "named.bin", "named.xml"});
  CHECK_THAT(content_of(folder / "layers.csv"), Contains("layer,operation,precision"));
}

TEST_CASE("layers stay in FP32 until the answers agree, and are named", "[cli]") {
  const TemporaryFolder folder;
  const auto calibrate = [&](const std::string& goal, const std::string& threads) {
    return succeed({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s", example("calibration"), "-ss",
                    "20", "--agreement", goal, "--nthreads", threads, "-o", folder.path().string(),
                    "--no-measure"})
        .out;
  };
  CHECK(calibrate("0", "1").find("in FP32") == std::string::npos);
  CHECK(calibrate("0.9", "1").find("in FP32") == std::string::npos);
  // A goal that is a little too high for INT8 alone.
  const double alone = number_behind(calibrate("1", "1"), "INT8 in all layers agrees with FP32 to ");
  const std::string goal = std::to_string(alone + (1 - alone) / 4);
  const std::string out = calibrate(goal, "1");
  const std::string key = "kept in FP32, the most harmful first: ";
  REQUIRE(lines_with(out, key) == 1);
  const std::size_t begin = out.find(key) + key.size();
  const std::string names = out.substr(begin, out.find('\n', begin) - begin);
  const auto kept = static_cast<std::size_t>(std::count(names.begin(), names.end(), ',')) + 1;
  CHECK(kept < 10);
  // The written model says so, too.
  const std::string layers = succeed({"inspect", "-m", folder / "shapes_v7_i8.xml"}).out;
  const std::string reason = "kept in float by the model or the user";
  std::size_t shown = 0;
  for (std::size_t at = 0; (at = layers.find(reason, at)) != std::string::npos; ++at) ++shown;
  CHECK(shown == kept);
  CHECK(calibrate(goal, "3").find(key + names + "\n") != std::string::npos);
}

TEST_CASE("layers of a classifier stay in FP32 until the best classes are expected to stay", "[cli]") {
  const TemporaryFolder folder;
  const auto calibrate = [&](const std::string& percent, const std::string& threads) {
    return succeed({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s", example("calibration"), "-ss",
                    "40", "--same-class", percent, "--nthreads", threads, "-o", folder.path().string(),
                    "--no-measure"})
        .out;
  };
  CHECK(calibrate("90", "1").find("in FP32") == std::string::npos);
  const double alone = number_behind(calibrate("100", "1"), "expected to keep the best class of ");
  CHECK((alone > 90 && alone < 100));
  const std::string goal = std::to_string(alone + (100 - alone) / 2);
  const std::string out = calibrate(goal, "1"), key = "kept in FP32, the most harmful first: ";
  REQUIRE(lines_with(out, key) == 1);
  CHECK(calibrate(goal, "2").find(out.substr(out.find(key), 60)) != std::string::npos);
}

TEST_CASE("calibration is the same with any number of threads", "[cli]") {
  const TemporaryFolder one, two;
  for (const auto& [folder, threads] : {std::pair{&one, "1"}, {&two, "2"}})
    succeed({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s", example("calibration"), "-ss", "20",
             "-o", folder->path().string(), "-nthreads", threads, "--no-measure", "--progress", "none"});
  CHECK(content_of(one / "shapes_v7_i8.xml") == content_of(two / "shapes_v7_i8.xml"));
  CHECK(content_of(one / "shapes_v7_i8.bin") == content_of(two / "shapes_v7_i8.bin"));
}

TEST_CASE("infer writes its outputs and takes images, lists, arrays and random numbers", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), out = (folder / "out").string();
  const auto list =
      folder.write("list.txt", example("heldout/000.png") + "\n" + example("heldout/001.png") + " 1\n");
  CHECK(lines_with(succeed({"infer", "-m", model, "-i", list.string(), "--out", out, "-nt", "2", "-v"}).out,
                   example("heldout/00")) == 2);
  Shape shape;
  const auto listed = read_npy(folder / "out/prob.npy", &shape);
  CHECK(shape == Shape{2, 10});

  succeed({"infer", "-m", model, "-i", example("heldout/001.png"), "--out", out});
  const auto single = read_npy(folder / "out/prob.npy", &shape);
  CHECK(shape == Shape{1, 10});
  CHECK(std::equal(single.begin(), single.end(), listed.begin() + 10));

  // Random numbers do not depend on the number of threads.
  std::vector<float> first;
  for (const char* threads : {"1", "2"}) {
    succeed({"infer", "-m", model, "--random", "7", "-ss", "3", "--out", out, "-nthreads", threads});
    const auto values = read_npy(folder / "out/prob.npy", &shape);
    CHECK(shape == Shape{3, 10});
    if (first.empty()) first = values;
    CHECK(values == first);
  }

  refcalib::engine::write_npy(folder / "x.npy", {2, 3, 32, 32}, std::vector<float>(2UL * 3 * 32 * 32, 50.0F));
  CHECK_THAT(succeed({"infer", "-m", model, "-i", "data=" + (folder / "x.npy").string()}).out,
             Contains("numbers as they are in x.npy"));
}

TEST_CASE("undecodable images are named, counted and skipped", "[cli]") {
  const TemporaryFolder folder;
  std::filesystem::copy(example("heldout/000.png"), folder / "a.png");
  folder.write("b.png", "no picture");
  folder.write("notes.txt", "text");
  const Outcome infer = succeed({"infer", "-m", example("shapes_v7.xml"), "-i", folder.path().string()});
  CHECK_THAT(infer.err, Contains("skipped") && Contains("b.png") && Contains("1 of 2 samples skipped"));
  CHECK_THAT(infer.err, Contains("1 file of the folder left out"));
  const TemporaryFolder out;
  const Outcome calibrate = succeed({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s",
                                     folder.path().string(), "-o", out.path().string(), "--no-measure"});
  CHECK_THAT(calibrate.out, Contains("calibrated with 1 sample (1 skipped)"));
}

TEST_CASE("bench reports in every form", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml");
  const auto bench = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"bench", "-m", model, "-niter", "5", "-nthreads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return succeed(arguments);
  };
  const Outcome plain = bench({"-d", "CPU", "-b", "1", "-shape", "[1,3,32,32]", "-pin"});
  for (const char* part : {"load: ", "precision: FP32", "measured peak", "% of the FP32 peak", "median ",
                           "throughput: ", "peak memory: ", "conv1"})
    CHECK_THAT(plain.out, Contains(part));

  bench({"--report", (folder / "r.json").string()});
  CHECK_THAT(content_of(folder / "r.json"), Contains("\"iterations\": 5") && Contains("\"layers\": [{"));
  bench({"-report_type", "detailed_counters", "-report_folder", folder.path().string(), "-pc"});
  CHECK_THAT(content_of(folder / "benchmark_report.csv"), Contains("median_ms,") && Contains("min ms"));
  CHECK_THAT(bench({"-api", "async", "-nstreams", "2", "-nireq", "3"}).out, Contains("2 streams"));
  CHECK_THAT(bench({"--vs", example("shapes_v11.xml")}).out,
             Contains("times as fast as shapes_v11.xml (p10 "));
  CHECK_THAT(bench({"-i", example("heldout"), "--mean", "-1,2,3"}).out, Contains("(x - -1,2,3) / 1"));
}

TEST_CASE("inspect shows precisions and every stage", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = calibrated(folder, "v7");
  CHECK_THAT(succeed({"inspect", "-m", model}).out, Contains("I8") && Contains("steps with weights in INT8"));
  const std::string in_float = succeed({"inspect", "-m", model, "--fp32"}).out;
  CHECK_THAT(in_float, Contains("; 0 of "));
  const std::string text = succeed({"inspect", "-m", model, "--dump", "text"}).out;
  CHECK_THAT(text, Contains("# as read") && Contains("# after all passes") && Contains("# program"));
  const std::string dot = succeed({"inspect", "-m", model, "--dump", "dot", "--stage", "passes"}).out;
  CHECK_THAT(dot, Contains("digraph"));
  CHECK(lines_with(dot, "digraph") == 1);
}

TEST_CASE("compare names the first bad layer and can fail", "[cli]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v7.xml"), quantized = calibrated(folder, "v7");
  const auto compare = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{"compare", model, quantized, "-i", example("heldout"), "-ss", "5"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const Outcome relaxed = compare({"--min-cosine", "0.5"});
  CHECK(relaxed.exit_code == 0);
  CHECK_THAT(relaxed.out,
             Contains("no layer has a cosine below 0.5") && Contains("prob") && Contains("output"));
  CHECK_THAT(compare({"--min-cosine", "0.9999999"}).out,
             Contains("first layer with a cosine below 0.9999999: '"));
  CHECK(compare({"--fail-below", "0.5"}).exit_code == 0);
  CHECK(compare({"--fail-below", "1"}).exit_code == 4);
  const Outcome same = run_program({"compare", model, model, "--random", "1"});
  CHECK_THAT(same.out, Contains("inf") && Contains("no layer has a cosine below 0.99"));
}

TEST_CASE("Ctrl-C during calibration ends it with nothing written", "[cli]") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const TemporaryFolder folder;
    const Outcome outcome =
        run_and_signal({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "--random", "1", "-ss",
                        "100000000", "-o", folder.path().string(), "--progress", "print:1"},
                       "calibrating: 2 of", signal);
    CHECK(outcome.exit_code == 3);
    CHECK_THAT(outcome.err, Contains("refcalib: interrupted; nothing was written"));
    CHECK(folder.names().empty());
  }
}
