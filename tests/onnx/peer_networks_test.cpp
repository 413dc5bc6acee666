#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "engine/evaluation/random_input.h"
#include "engine/formats/model.h"
#include "engine/runtime/program.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
namespace fs = std::filesystem;

// Whole networks as files of ONNX, in FP32 and quantized, against ONNX Runtime on the same file. They are made by peers/make_onnx.py of the
// shared folder. REFCALIB_ONNXRUNTIME names a folder of node modules with onnxruntime-node in it.

namespace {

std::string environment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : otherwise;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return ab / std::sqrt(aa * bb);
}

/// The lowest cosine over the outputs between both engines on the same file and input; 0 if ONNX Runtime fails.
double agreement(const fs::path& model, const fs::path& folder, const std::string& modules,
                 std::size_t& int8_layers) {
  Session session(Program::compile(load_model(model).graph), 1);
  for (const StepInfo& step : session.program().steps())
    int8_layers += step.precision == "I8" && step.macs > 0;
  for (std::size_t i = 0; i < session.input(0).size(); ++i) session.input(0)[i] = random_input(7, 0, i);
  const fs::path input = folder / "input", output = folder / "output";
  std::ofstream(input, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(session.input(0).data()),
             static_cast<std::streamsize>(session.input(0).size_bytes()));
  const std::string command = "node " REFCALIB_SOURCE_DIR "/tests/onnx/run_model.mjs " + modules + " " +
                              model.string() + " " + input.string() + " " + output.string();
  INFO(command);
  if (std::system(command.c_str()) != 0) return 0;
  session.run();
  double lowest = 1;
  for (std::size_t k = 0; k < session.program().outputs().size(); ++k) {
    std::vector<float> theirs(session.output(k).size());
    std::ifstream file(output.string() + "." + std::to_string(k), std::ios::binary);
    file.read(reinterpret_cast<char*>(theirs.data()),
              static_cast<std::streamsize>(theirs.size() * sizeof(float)));
    REQUIRE(file);
    lowest = std::min(lowest, cosine(session.output(k), theirs));
  }
  return lowest;
}

}  // namespace

TEST_CASE("networks in FP32 and in integers agree with ONNX Runtime on the same file", "[.][peers]") {
  const std::string modules = environment("REFCALIB_ONNXRUNTIME", "");
  const fs::path shared = environment("REFCALIB_SHARED_DIR", REFCALIB_SHARED_DIR);
  const fs::path maker = shared / "peers/make_onnx.py";
  if (modules.empty() || !fs::exists(maker) || !fs::exists(REFCALIB_PYTHON)) {
    std::cout << "SKIPPED: ONNX Runtime (set REFCALIB_ONNXRUNTIME to the node_modules of onnxruntime-node, "
                 "and REFCALIB_SHARED_DIR; needs Python with numpy)\n";
    return;
  }
  const fs::path folder = fs::temp_directory_path() / "refcalib_onnx_peers";
  fs::create_directories(folder);
  for (const std::string name : {"resnet50_v15", "mobilenet_v1", "mobilenet_v2", "squeezenet_1_1",
                                 "googlenet_lrn", "ssd_mobilenet_v1_300", "unet_tiny_256"})
    for (const bool quantized : {false, true}) {
      const std::string file = name + (quantized ? "_int8" : "");
      INFO(file);
      const std::string make = REFCALIB_PYTHON " " + maker.string() + " " + folder.string() + " " + file +
                               " > " + (folder / "made").string();
      REQUIRE(std::system(make.c_str()) == 0);
      std::size_t int8_layers = 0;
      const double found = agreement(folder / (file + ".onnx"), folder, modules, int8_layers);
      std::cout << file << ": lowest cosine with ONNX Runtime " << found << ", " << int8_layers
                << " layers in INT8\n";
      CHECK(found >= (quantized ? 0.99 : 0.999));
      CHECK((int8_layers > 0) == quantized);
      fs::remove(folder / (file + ".onnx"));
    }
  fs::remove_all(folder);
}
