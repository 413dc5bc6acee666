#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "engine/evaluation/npy.h"
#include "tests/apps/cli_program.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

fs::path shared_dir() {
  const char* const named = std::getenv("REFCALIB_SHARED_DIR");
  return named != nullptr ? named : REFCALIB_SHARED_DIR;
}

Outcome run(const std::vector<std::string>& arguments, int exit_code = 0) {
  Outcome outcome = run_program(arguments);
  INFO(outcome.err);
  CHECK(outcome.exit_code == exit_code);
  return outcome;
}

std::vector<std::string> joined(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// Largest difference of all outputs of two folders of `infer --out`, as a part of the largest magnitude of each.
double deviation(const fs::path& a, const fs::path& b) {
  double worst = 0;
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(a)) {
    const auto x = refcalib::engine::read_npy(entry.path()),
               y = refcalib::engine::read_npy(b / entry.path().filename());
    if (x.size() != y.size()) return INFINITY;
    double range = 0, difference = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      range = std::max(range, std::abs(static_cast<double>(x[i])));
      difference = std::max(difference, std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])));
    }
    worst = std::max(worst, difference / range);
    ++files;
  }
  return files > 0 ? worst : INFINITY;
}

/// A network, the pictures that it gets, and the preprocessing that moves from the program into the network.
struct Conversion {
  std::string model, pictures;
  std::vector<std::string> always;  ///< preprocessing that stays outside
  std::string mean, scale;
  bool to_legacy = true;
};

/// Converts with the preprocessing inside and compares answers to raw pictures with the original's to prepared ones.
void check_conversion(const Conversion& c) {
  const TemporaryFolder folder;
  const auto infer = [&](const std::string& model, const std::string& out,
                         const std::vector<std::string>& more) {
    run(joined(joined({"infer", "-m", model, "-i", c.pictures, "-ss", "4", "--out", folder / out}, c.always),
               more));
    return folder / out;
  };
  const auto convert = [&](const std::vector<std::string>& more) {
    const std::string target = folder / "converted.xml";
    CHECK_THAT(run(joined({"convert", c.model, "-o", target}, more)).out, Contains("written: " + target));
    return target;
  };
  for (const bool reverse : {false, true}) {
    const fs::path expected =
        infer(c.model, "original", {"--mean", c.mean, "--scale", c.scale, "--color", "rgb"});
    std::vector<std::string> inside = {"--mean-values", "[" + c.mean + "]", "--scale-values",
                                       "[" + c.scale + "]"};
    if (reverse) inside.emplace_back("--reverse-input-channels");
    const std::vector<std::string> colors = {"--color", reverse ? "bgr" : "rgb"};
    for (const char* const version : {"11", "7"}) {
      if (version == std::string("7") && !c.to_legacy) continue;
      INFO(c.model << ", IR version " << version << ", reversed " << reverse);
      const std::vector<std::string> options = joined(inside, {"--ir-version", version});
      CHECK(deviation(infer(convert(options), "converted", colors), expected) < 2e-5);
      // FP16 weights have 11 bits.
      CHECK(deviation(infer(convert(joined(options, {"--data-type", "FP16"})), "half", colors), expected) <
            2e-2);
    }
  }
}

}  // namespace

TEST_CASE("preprocessing inside a converted network gives the answers of that outside", "[cli][convert]") {
  check_conversion({.model = example("shapes_v11.xml"),
                    .pictures = example("heldout"),
                    .always = {},
                    .mean = "100,110,120",
                    .scale = "1.5,0.5,2"});
}

TEST_CASE("ONNX and Caffe networks convert with their preprocessing", "[cli][convert][shared]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED  conversions with preprocessing: no shared folder (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  const fs::path models = shared / "models";
  check_conversion({.model = models / "classification/mobilenet_v2/mobilenet_v2.onnx",
                    .pictures = shared / "data/imagenet300/images",
                    .always = {"--resize", "short:256", "--crop", "center"},
                    .mean = "127.5,127.5,127.5",
                    .scale = "127.5,127.5,127.5"});
  check_conversion({.model = models / "detection/ultraface/RFB-320.prototxt",
                    .pictures = shared / "data/faces40",
                    .always = {},
                    .mean = "127,127,127",
                    .scale = "128,128,128"});
}

TEST_CASE("outputs of other names are compared by place, stated preprocessing is used everywhere",
          "[cli][shared]") {
  const fs::path shared = shared_dir();
  if (shared.empty()) {
    std::cout << "SKIPPED  comparisons by place: no shared folder (set REFCALIB_SHARED_DIR)\n";
    return;
  }
  const std::string mobilenet = shared / "models/classification/mobilenet_v2";
  const Outcome compared = run({"compare", mobilenet + "/mobilenet_v2.onnx",
                                mobilenet + "/v6/mobilenet_v2.xml", "--random", "1", "--outputs-only"});
  CHECK_THAT(compared.out, Contains("logits  FP32") && Contains("1.000000"));
  CHECK_THAT(compared.err, Contains("'logits' is compared with 'flat/Dims', by its place"));

  const TemporaryFolder folder;
  std::string net = content_of(shared / "models/detection/ultraface/RFB-320.prototxt");
  const std::string top = "top: \"input\"";
  REQUIRE(net.find(top) != std::string::npos);
  net.insert(net.find(top) + top.size(), " transform_param { mean_value: 127 scale: 0.0078125 }");
  const std::string model = folder.write("net.prototxt", net),
                    weights = shared / "models/detection/ultraface/RFB-320.caffemodel",
                    faces = shared / "data/faces40";
  const std::string prepared = "(x - 127) / 128";
  CHECK_THAT(run({"bench", "-m", model, "-w", weights, "-i", faces, "-niter", "1"}).out, Contains(prepared));
  CHECK_THAT(run({"infer", "-m", model, "-w", weights, "-i", faces, "-ss", "1"}).out, Contains(prepared));
  const Outcome collected =
      run({"collect", "-m", model, "-w", weights, "-s", faces, "-ss", "1", "-o", folder / "seen"});
  CHECK_THAT(collected.out, Contains(prepared) && Contains("(Caffe)") && Contains("net_int8_statistics.xml"));
}

TEST_CASE("conversions take other shapes and refuse what does not fit", "[cli][convert]") {
  const TemporaryFolder folder;
  const std::string model = example("shapes_v11.xml"), target = folder / "out.xml";
  run({"convert", "-m", model, "-o", target, "--input_shape", "[4,3,48,40]", "--ir_version", "7"});
  CHECK_THAT(run({"inspect", "-m", target}).out, Contains("IR version 7") && Contains("[4,3,48,40]"));
  struct Case {
    std::vector<std::string> options;
    std::string message;
    int exit_code;
  };
  fs::remove(target);
  for (const Case& c :
       {Case{{"--mean-values", "[1,2]"}, "data", 2},
        Case{{"--mean-values", "[1,2"}, "brackets do not match", 2},
        Case{{"--scale-values", "nowhere[1,2,3]"}, "nowhere", 2}, Case{{"--scale-values", "0"}, "0", 2},
        Case{{"--shape", "[1,3,32,32]", "--input-shape", "[1,3,32,32]"}, "give one", 2},
        Case{{"--ir-version", "10"}, "10", 2}}) {
    INFO(c.message);
    CHECK_THAT(run(joined({"convert", model, "-o", target}, c.options), c.exit_code).err,
               Contains(c.message));
    CHECK_FALSE(fs::exists(target));
  }
  CHECK_THAT(run({"convert", model, "-o", folder / "out.onnx"}, 2).err, Contains("must be an .xml"));
  CHECK_THAT(run({"convert", example("shapes_v7.xml"), "-o", target, "--ir-version", "11"}, 2).err,
             Contains("cannot be written as version 11"));
}
