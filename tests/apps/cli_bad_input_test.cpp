#include <filesystem>

#include "engine/evaluation/npy.h"
#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;

namespace {

/// The last line of the error output must be the one line that explains the failure.
void check_failure(const Outcome& outcome, int exit_code, const std::string& message) {
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK(lines_with(outcome.err, "refcalib: ") == 1);
  const std::size_t last = outcome.err.rfind("refcalib: ");
  REQUIRE(last != std::string::npos);
  CHECK(outcome.err.find('\n', last) == outcome.err.size() - 1);
  CHECK_THAT(outcome.err.substr(last), Contains(message));
}

struct Case {
  std::vector<std::string> arguments;
  int exit_code;
  std::string message;
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    std::string line;
    for (const std::string& word : c.arguments) line += " " + word;
    INFO("refcalib" << line);
    check_failure(run_program(c.arguments), c.exit_code, c.message);
  }
}

}  // namespace

TEST_CASE("wrong command lines end with 2 and one line", "[cli]") {
  const std::string model = example("shapes_v7.xml"), images = example("heldout");
  check_all(
      {{{}, 2, "refcalib --help"},
       {{"frobnicate"}, 2, "refcalib --help"},
       {{"infer"}, 2, "--model"},
       {{"infer", "-m", model, "--wrong"}, 2, "--wrong"},
       {{"infer", "-m", model, "-nthreads", "x"}, 2, "see refcalib infer --help"},
       {{"infer", "-m", model, "-nthreads", "-1"}, 2, "see refcalib infer --help"},
       {{"infer", "-m", model, "--random", "-1"}, 2, "'-1' is no whole number"},
       {{"infer", "-m", model, "-ss", "1.5"}, 2, "--subset"},
       {{"infer", "-m", model, "-ss", "99999999999999999999"}, 2, "is no whole number"},
       {{"bench", "-m", model, "-niter", "-5"}, 2, "is no whole number"},
       {{"bench", "-m", model, "-t", "nan"}, 2, "is no number from 0 on"},
       {{"infer", "-m", model}, 2, "no data"},
       {{"infer", "-m", model, "-i", images, "-d", "GPU"}, 2, "the only device is CPU"},
       {{"infer", "-m", model, "-i", images, "--mean", "a"}, 2, "--mean 'a'"},
       {{"infer", "-m", model, "-i", images, "--scale", "0"}, 2, "contains 0"},
       {{"infer", "-m", model, "-i", images, "--color", "cmyk"}, 2, "--color 'cmyk'"},
       {{"infer", "-m", model, "-i", images, "--color", "gray"}, 2, "must be rgb or bgr"},
       {{"infer", "-m", model, "-i", images, "--resize", "short:64"}, 2, "add --crop center"},
       {{"infer", "-m", model, "-i", "other=" + images}, 2, "has no input 'other'"},
       {{"infer", "-m", model, "--s", "1"}, 2, "--s is ambiguous: "},
       {{"calibrate", "-m", model, "-s", images}, 2, "-sm"},
       {{"calibrate", "-sm", "-s", images}, 2, "no model"},
       {{"calibrate", "-sm", "-m", model}, 2, "no data"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "--method", "magic"}, 2, "minmax"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "--weights", "some"}, 2, "per-channel"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "-p", "FP8"}, 2, "there are INT8, FP16 and FP32"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "-td", "GPU"}, 2, "the only device is CPU"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "--progress", "dots"}, 2, "--progress 'dots'"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "--batch_size", "x"}, 2, "is no whole number"},
       {{"calibrate", "-sm", "-m", model, "-s", images, "-o", model}, 2, "would replace the model"},
       {{"bench", "-m", model, "-shape", "[4,3,32]", "-niter", "1"}, 2, "has 3 dimensions, the input has 4"},
       {{"bench", "-m", model, "-shape", "other[4,3,32,32]", "-niter", "1"}, 2, "no input of this name"},
       {{"bench", "-m", model, "-shape", "1x3", "-niter", "1"}, 2, "--shape '1x3'"},
       {{"bench", "-m", model, "-api", "later"}, 2, "--api"},
       {{"bench", "-m", model, "-nstreams", "4"}, 2, "need --api async"},
       {{"bench", "-m", model, "-api", "async", "--vs", model}, 2, "needs --api sync"},
       {{"bench", "-m", model, "--report", "x.txt"}, 2, ".json or .csv"},
       {{"compare", model, "--random", "1"}, 2, "B is required"},
       {{"compare", model, model}, 2, "no data"},
       {{"inspect", "-m", model, "--dump", "svg"}, 2, "--dump"}});
}

TEST_CASE("bad input ends with 1 and one line that names it", "[cli]") {
  const TemporaryFolder folder, empty, texts, broken;
  const std::string model = example("shapes_v7.xml"), images = example("heldout");
  const auto at = [&](const std::string& name) { return (folder / name).string(); };
  folder.write("text.xml", "this is no XML");
  folder.write("html.xml", "<html><body/></html>");
  folder.write("v99.xml", "<net name=\"n\" version=\"99\"><layers/><edges/></net>");
  folder.write("no_bin.xml", content_of(model));
  folder.write("short.xml", content_of(model));
  folder.write("short.bin", content_of(example("shapes_v7.bin")).substr(0, 1000));
  folder.write("labels.txt", "000.png zero\n");
  folder.write("others.txt", "other.png 1\n");
  folder.write("bad.npy", "no array");
  texts.write("a.txt", "text");
  broken.write("a.png", "no picture");
  broken.write("b.jpg", "no picture");
  refcalib::engine::write_npy(folder / "small.npy", {2, 3, 16, 16}, std::vector<float>(2UL * 3 * 16 * 16));

  std::vector<Case> cases{
      {{"infer", "-m", at("none.xml"), "-i", images}, 1, "none.xml"},
      {{"infer", "-m", folder.path().string(), "-i", images}, 1, folder.path().string()},
      {{"infer", "-m", at("text.xml"), "-i", images}, 1, "text.xml"},
      {{"infer", "-m", at("html.xml"), "-i", images}, 1, "html.xml"},
      {{"infer", "-m", at("v99.xml"), "-i", images}, 1, "99"},
      {{"infer", "-m", at("no_bin.xml"), "-i", images}, 1, "no_bin.bin"},
      {{"infer", "-m", at("short.xml"), "-i", images}, 1, "short"},
      {{"infer", "-m", model, "-w", at("none.bin"), "-i", images}, 1, "none.bin"},
      {{"infer", "-m", model, "-i", at("none")}, 1, "no such file"},
      {{"infer", "-m", model, "-i", empty.path().string()}, 1, "the folder holds no files"},
      {{"infer", "-m", model, "-i", texts.path().string()}, 1, "none of the 1 files"},
      {{"infer", "-m", model, "-i", broken.path().string()}, 1, "none of the 2 samples"},
      {{"infer", "-m", model, "-i", at("bad.npy")}, 1, "bad.npy: not a .npy file"},
      {{"infer", "-m", model, "-i", at("small.npy")}, 1, "does not fit input 'data'"},
      {{"infer", "-m", model, "-i", images, "--labels", at("none.txt")}, 1, "none.txt"},
      {{"infer", "-m", model, "-i", images, "--labels", at("labels.txt")}, 1, "labels.txt: line 1"},
      {{"infer", "-m", model, "-i", images, "--labels", at("others.txt")}, 1, "no sample has a label"},
      {{"infer", "-m", model, "-i", images, "--out", at("text.xml") + "/x"}, 1, "output folder"},
      {{"bench", "-m", model, "-niter", "1", "--report", at("no/r.json")}, 1, "no/r.json"},
      {{"bench", "-m", model, "-niter", "1", "--vs", at("none.xml")}, 1, "none.xml"},
      {{"compare", model, at("none.xml"), "--random", "1"}, 1, "none.xml"},
      {{"inspect", "-m", at("none.xml")}, 1, "none.xml"}};
  for (const std::string& source :
       {empty.path().string(), texts.path().string(), broken.path().string(), at("none")})
    cases.push_back({{"calibrate", "-sm", "-m", model, "-s", source, "-o", at("out")}, 1, source});
  cases.push_back(
      {{"calibrate", "-sm", "-m", model, "-s", images, "-o", at("text.xml") + "/x"}, 1, "output folder"});
  cases.push_back({{"calibrate", "-sm", "-m", model, "-s", images, "--ignore_layer_names_path", at("none")},
                   1,
                   "list of layers"});
  check_all(cases);
  CHECK((!std::filesystem::exists(folder / "out") || std::filesystem::is_empty(folder / "out")));
}

TEST_CASE("an unsupported layer is named by every subcommand, and nothing else is printed", "[cli]") {
  const TemporaryFolder folder;
  const auto replace = [](std::string text, const std::string& from, const std::string& to) {
    REQUIRE(text.find(from) != std::string::npos);
    return text.replace(text.find(from), from.size(), to);
  };
  struct Bad {
    const char *generation, *type, *shown;
  };
  for (const Bad& bad :
       {Bad{"v7", "DeformableConvolution", "DeformableConvolution (layer 2 'conv1/relu')"},
        Bad{"v11", "BinaryConvolution", "BinaryConvolution-opset1 (layer 5 'conv1/relu')"}}) {
    const std::string good = example(std::string("shapes_") + bad.generation + ".xml");
    const std::string xml = folder.write(std::string(bad.generation) + ".xml",
                                         replace(content_of(good), "\"conv1/relu\" type=\"ReLU\"",
                                                 std::string("\"conv1/relu\" type=\"") + bad.type + "\""));
    folder.write(std::string(bad.generation) + ".bin",
                 content_of(example(std::string("shapes_") + bad.generation + ".bin")));
    const std::string images = example("heldout"), out = folder / "out";
    for (const std::vector<std::string>& command :
         std::vector<std::vector<std::string>>{{"calibrate", "-sm", "-m", xml, "-s", images, "-o", out},
                                               {"collect", "-m", xml, "-s", images, "-o", out},
                                               {"diagnose", "-m", xml, "-q", good, "-i", images},
                                               {"diagnose", "-m", good, "-q", xml, "-i", images},
                                               {"infer", "-m", xml, "-i", images},
                                               {"bench", "-m", xml, "-niter", "1"},
                                               {"bench", "-m", good, "--vs", xml, "-niter", "1"},
                                               {"compare", good, xml, "-i", images},
                                               {"compare", xml, good, "-i", images},
                                               {"inspect", "-m", xml}}) {
      INFO(command.front());
      const Outcome outcome = run_program(command);
      CHECK(outcome.exit_code == 1);
      CHECK(outcome.out.empty());
      CHECK(outcome.err == "refcalib: " + xml + ": unsupported layer types: " + bad.shown +
                               "; convert the model without these layers\n");
    }
    CHECK(!std::filesystem::exists(out));
  }
}

TEST_CASE("a forced instruction set must exist", "[cli]") {
  for (const char* name : {"sse9", "", "AVX2 "})
    check_failure(run_program({"isa"}, {std::string("REFCALIB_ISA=") + name}), 2, "REFCALIB_ISA");
}

TEST_CASE("a full disk leaves earlier files as they were", "[cli]") {
  const TemporaryFolder folder;
  folder.write("shapes_v7_i8.xml", "earlier");
  folder.write("shapes_v7_i8.bin", "earlier");
  const Outcome outcome =
      run_program({"calibrate", "-sm", "-m", example("shapes_v7.xml"), "-s", example("calibration"), "-ss",
                   "3", "-o", folder.path().string(), "--progress", "none"},
                  {}, {}, 4096);
  check_failure(outcome, 1, "shapes_v7_i8");
  CHECK(folder.names() == std::vector<std::string>{"shapes_v7_i8.bin", "shapes_v7_i8.xml"});
  CHECK(content_of(folder / "shapes_v7_i8.xml") == "earlier");
  CHECK(content_of(folder / "shapes_v7_i8.bin") == "earlier");
}

TEST_CASE("results that cannot be printed are an error", "[cli]") {
  check_failure(run_program({"isa"}, {}, "/dev/full"), 1, "standard output");
}
