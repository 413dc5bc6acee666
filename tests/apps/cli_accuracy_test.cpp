#include <filesystem>

#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

const std::string kModels = fs::path(example("shapes_v7.xml")).parent_path().string();

/// The embedded example as a configuration; `data` replaces its dataset's source and list.
std::string config_text(const std::string& source = "heldout", const std::string& list = "heldout.txt") {
  return "models:\n"
         "  - name: shapes\n"
         "    launchers:\n"
         "      - framework: dlsdk\n"
         "        device: CPU\n"
         "        model: shapes_v7.xml\n"
         "        adapter: classification\n"
         "    datasets:\n"
         "      - name: data\n"
         "        data_source: " +
         source +
         "\n"
         "        annotation_conversion: {converter: imagenet, annotation_file: " +
         list +
         "}\n"
         "        preprocessing:\n"
         "          - type: resize\n"
         "            size: 32\n"
         "        metrics:\n"
         "          - type: accuracy\n"
         "          - {type: accuracy, name: top5, top_k: 5}\n";
}

Outcome accuracy(const fs::path& config, const std::string& source, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{"accuracy", "-c", config.string(), "-m", kModels, "-s", source};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

}  // namespace

TEST_CASE("a configuration gives the accuracy that infer gives, however many threads", "[cli]") {
  const TemporaryFolder folder;
  const auto config = folder.write("shapes.yml", config_text());
  const Outcome one = accuracy(config, kModels, {"-nthreads", "1", "--format", "csv"});
  INFO(one.err);
  REQUIRE(one.exit_code == 0);
  CHECK_THAT(one.out, Contains("shapes,data,accuracy,,95,%"));
  CHECK_THAT(one.out, Contains("shapes,data,top5,,100,%"));
  CHECK(accuracy(config, kModels, {"-nthreads", "3", "--format", "csv"}).out == one.out);
  CHECK_THAT(accuracy(config, kModels, {"-ss", "10%"}).out, Contains("30 samples"));
}

TEST_CASE("models side by side, with the paired difference; predictions are stored and reloaded", "[cli]") {
  const TemporaryFolder folder;
  const auto config = folder.write("shapes.yml", config_text());
  REQUIRE(run_program({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s", example("calibration"),
                       "-ss", "40", "-o", folder.path().string(), "--no-measure"})
              .exit_code == 0);
  const std::string stored = folder / "predictions.json", report = folder / "report.json";
  const std::vector<std::string> options{
      "--vs", folder / "shapes_v7_i8.xml", "--stored-predictions", stored, "--report", report};
  const Outcome first = accuracy(config, kModels, options);
  INFO(first.err);
  REQUIRE(first.exit_code == 0);
  CHECK_THAT(first.out, Contains("model 'shapes_v7_i8' on 'data'"));
  CHECK_THAT(first.out, Contains("95 % interval"));
  CHECK_THAT(content_of(report), Contains("\"difference\": {\"value\":"));
  const Outcome again = accuracy(config, kModels, options);
  CHECK_THAT(again.err, Contains("predictions are taken from"));
  CHECK(lines_with(again.out, "  accuracy 95.000 %") >= 1);
  CHECK(lines_with(again.out, "  accuracy 95.000 %") == lines_with(first.out, "  accuracy 95.000 %"));
  const Outcome both = accuracy(config, kModels, {"--with-fp32", "--format", "json"});
  CHECK_THAT(both.out, Contains("shapes (FP32)"));
}

TEST_CASE("samples that cannot be read are named and count nothing", "[cli]") {
  const TemporaryFolder folder;
  fs::create_directories(folder / "images");
  fs::copy(example("heldout") + "/151.png", folder / "images/\xC3\xBC.png");
  fs::copy(example("heldout") + "/153.png", folder / "images/fine.png");
  folder.write("images/corrupt.jpg", "\xFF\xD8\xFF\xE0 nonsense");
  folder.write("images/empty.png", "");
  folder.write("list.txt", "\xC3\xBC.png 0\nfine.png 99\ncorrupt.jpg 1\nempty.png 1\nmissing.png 1\n");
  const auto config = folder.write("bad.yml", config_text("images", "list.txt"));
  const Outcome outcome = accuracy(config, folder.path().string());
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.err, Contains("corrupt.jpg") && Contains("missing.png") && Contains("4 of 5 samples") &&
                              Contains("fine.png: its label 99 is none of the 10 classes of the network"));
  CHECK_THAT(outcome.out, Contains("1 sample, 4 left out"));
  folder.write("list.txt", "missing.png 1\n");
  const Outcome none = accuracy(config, folder.path().string());
  CHECK(none.exit_code == 1);
  CHECK_THAT(none.err, Contains("none of the 1 sample"));
}

TEST_CASE("what is wrong with a configuration is said in one line", "[cli]") {
  const TemporaryFolder folder;
  const auto config = folder.write("wrong.yml", config_text() + "          - type: acuracy\n");
  const Outcome outcome = accuracy(config, kModels);
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.err, Contains("wrong.yml:18: ") && Contains("did you mean 'accuracy'?"));
  CHECK(lines_with(outcome.err, "refcalib: ") == 1);
  CHECK(run_program({"accuracy"}).exit_code == 2);
  CHECK(run_program({"accuracy", "-c", config.string(), "-m", folder / "absent"}).exit_code == 2);
}

TEST_CASE("explain shows what was understood, with every default", "[cli]") {
  const TemporaryFolder folder;
  const auto config = folder.write("shapes.yml", config_text());
  const Outcome outcome = run_program({"explain", config.string(), "-m", kModels, "-s", kModels});
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  for (const char* part :
       {"- name: shapes", "interpolation: LINEAR  # default", "top_k: 5\n", "argmax_output: False  # default",
        "subsample_seed: 666  # default", "# input 'data' [1,3,32,32]"})
    CHECK_THAT(outcome.out, Contains(part));
}

TEST_CASE("the doctor finds exchanged colours and is silent on the right configuration", "[cli]") {
  const TemporaryFolder folder;
  const auto config = folder.write("shapes.yml", config_text());
  const Outcome fine = run_program({"doctor", config.string(), "-m", kModels, "-s", kModels});
  INFO(fine.err + fine.out);
  CHECK(fine.exit_code == 0);
  CHECK_THAT(fine.out, Contains("nothing clearly better"));
  std::string text = config_text();
  text.insert(text.find("          - type: resize"),
              "          - type: normalization\n            std: 255\n");
  const auto wrong = folder.write("wrong.yml", text);
  const Outcome found = run_program({"doctor", wrong.string(), "-m", kModels, "-s", kModels});
  INFO(found.err + found.out);
  CHECK(found.exit_code == 4);
  CHECK_THAT(found.err, Contains("normalization seems to be applied twice"));
}

TEST_CASE("convert-annotation writes what accuracy reads", "[cli]") {
  const TemporaryFolder folder;
  const Outcome made = run_program({"convert-annotation", "imagenet", "--annotation_file", "heldout.txt",
                                    "-s", kModels, "-o", folder.path().string(), "-a", "shapes.pickle", "-m",
                                    "meta.json", "-ss", "20", "--has_background", "False"});
  INFO(made.err);
  REQUIRE(made.exit_code == 0);
  CHECK_THAT(made.err, Contains("will be a JSON file"));
  CHECK_THAT(made.out, Contains("shapes.pickle, 20 samples of 300"));
  std::string text = config_text();
  const std::string from = "annotation_conversion: {converter: imagenet, annotation_file: heldout.txt}";
  text.replace(text.find(from), from.size(), "annotation: shapes.pickle");
  const auto config = folder.write("shapes.yml", text);
  CHECK_THAT(accuracy(config, kModels, {"-a", folder.path().string()}).out, Contains("20 samples"));
  CHECK(run_program({"convert-annotation", "imagnet"}).exit_code == 1);
  CHECK_THAT(run_program({"convert-annotation", "imagenet", "--annotation_file", "heldout.txt", "-s", kModels,
                          "--colour", "x"})
                 .err,
             Contains("has no field 'colour'"));
}
