#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "engine/calibration/calibrate.h"
#include "engine/calibration/observe_values.h"
#include "engine/core/error.h"
#include "engine/evaluation/random_input.h"
#include "engine/formats/model.h"
#include "engine/formats/onnx/write_quantized.h"
#include "engine/runtime/program.h"
#include "tests/onnx/operator_cases.h"
#include "tests/support/catch.hpp"
#include "tests/support/random.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / "refcalib_onnx_writer";
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
};

/// A residual network with a depthwise convolution, normalization and a classifier.
OnnxModel network(int opset = 13) {
  OnnxModel m(opset);
  Random random(3);
  const auto weights = [&](const std::string& name, const Shape& shape, float high) {
    Floats values(static_cast<std::size_t>(element_count(shape)));
    random.fill_real(values, -high, high);
    m.f32(name, shape, values);
  };
  m.input("x", {1, 3, 12, 12});
  weights("w1", {8, 3, 3, 3}, 0.4F);
  m.node("Conv", {"x", "w1"}, {"c1"}, {attribute("pads", Ints{1, 1, 1, 1})});
  weights("g", {8}, 1), weights("b", {8}, 1), weights("m", {8}, 1);
  m.f32("v", {8}, Floats(8, 1.5F))
      .node("BatchNormalization", {"c1", "g", "b", "m", "v"}, {"n1"})
      .node("Relu", {"n1"}, {"r1"});
  weights("w2", {8, 1, 3, 3}, 0.6F), weights("b2", {8}, 0.5F);
  m.node("Conv", {"r1", "w2", "b2"}, {"c2"}, {attribute("group", 8), attribute("pads", Ints{1, 1, 1, 1})});
  m.node("Add", {"c2", "r1"}, {"s"})
      .f32("lo", {}, {0})
      .f32("hi", {}, {6})
      .node("Clip", {"s", "lo", "hi"}, {"k"});
  weights("w3", {6, 8, 1, 1}, 0.6F);
  m.node("Conv", {"k", "w3"}, {"c3"}).node("GlobalAveragePool", {"c3"}, {"p"}).node("Flatten", {"p"}, {"f"});
  weights("w4", {6, 4}, 1), weights("b4", {4}, 1);
  m.node("Gemm", {"f", "w4", "b4"}, {"y"}).output("y").output("c3");
  return m;
}

bool fill(Session& session, std::size_t sample) {
  for (std::size_t i = 0; i < session.input(0).size(); ++i)
    session.input(0)[i] = 4 * random_input(5, sample, i) - 1;
  return true;
}

/// Calibrates a model and writes it; gives the annotation.
ir::Annotation write_calibrated(const fs::path& source, const fs::path& target,
                                const CalibrationOptions& options = {}) {
  const Model model = load_model(source);
  ir::Annotation annotation = calibrate(model.graph, 4, fill, options).annotation;
  const auto missing = onnx::values_without_range(source, {}, annotation);
  for (auto& further : observe_values(model.graph, missing, 4, fill, options))
    annotation.activations.push_back(std::move(further));
  onnx::write_quantized(source, {}, annotation, target);
  return annotation;
}

std::vector<std::vector<float>> run(const fs::path& path, bool int8) {
  CompileOptions options = default_options();
  options.int8 = int8;
  Session session(Program::compile(load_model(path).graph, options), 1);
  fill(session, 1);
  session.run();
  std::vector<std::vector<float>> outputs;
  for (std::size_t k = 0; k < session.program().outputs().size(); ++k)
    outputs.emplace_back(session.output(k).begin(), session.output(k).end());
  return outputs;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += double{a[i]} * b[i];
    aa += double{a[i]} * a[i];
    bb += double{b[i]} * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

onnx_proto::ModelProto parsed(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  onnx_proto::ModelProto model;
  REQUIRE(model.ParseFromString(std::string(std::istreambuf_iterator<char>(file), {})));
  return model;
}

}  // namespace

TEST_CASE("a calibrated model reads and gives its convolutions integers alone", "[onnx]") {
  const Folder folder;
  const fs::path source = network().write(folder.path / "net.onnx"), target = folder.path / "net_i8.onnx";
  write_calibrated(source, target);
  const onnx_proto::GraphProto graph = parsed(target).graph();
  std::set<std::string> real, quantized;
  for (const auto& node : graph.node()) {
    CHECK(node.op_type() != "BatchNormalization");
    if (node.op_type() == "DequantizeLinear") real.insert(node.output(0));
    if (node.op_type() == "QuantizeLinear") quantized.insert(node.input(0));
  }
  int convolutions = 0;
  for (const auto& node : graph.node()) {
    if (node.op_type() != "Conv") continue;
    ++convolutions;
    for (const std::string& input : node.input()) CHECK(real.contains(input));
    std::string result = node.output(0);
    for (const auto& reader : graph.node())
      if (reader.op_type() == "Relu" && reader.input(0) == result) result = reader.output(0);
    INFO(result);
    CHECK(quantized.contains(result));
  }
  CHECK(convolutions == 3);
  const auto exact = run(source, false), rounded = run(target, true);
  REQUIRE(rounded.size() == exact.size());
  for (std::size_t k = 0; k < exact.size(); ++k) CHECK(cosine(exact[k], rounded[k]) > 0.99);
  int heavy = 0, integer = 0;
  const auto program = Program::compile(load_model(target).graph);
  for (const StepInfo& step : program->steps()) {
    heavy += step.op == "Convolution" || step.op == "MatMul";
    integer += step.kernel.find("u8s8") != std::string::npos;
  }
  CHECK(heavy == 4);
  CHECK(integer == heavy);
}

TEST_CASE("the written model is the same from run to run, and what is kept in float stays", "[onnx]") {
  const Folder folder;
  const fs::path source = network().write(folder.path / "net.onnx");
  CalibrationOptions options;
  options.ignore_layers = {"c2/WithoutBiases"};
  write_calibrated(source, folder.path / "a.onnx", options);
  write_calibrated(source, folder.path / "b.onnx", options);
  CHECK(parsed(folder.path / "a.onnx").SerializeAsString() ==
        parsed(folder.path / "b.onnx").SerializeAsString());
  const onnx_proto::GraphProto graph = parsed(folder.path / "a.onnx").graph();
  for (const auto& node : graph.node()) {
    if (node.output(0) != "c2") continue;
    CHECK(node.input(0) == "r1");
    CHECK(node.input(1) == "w2");
  }
}

TEST_CASE("activations whose ranges are even around zero are written as s8", "[onnx]") {
  const Folder folder;
  const fs::path source = network().write(folder.path / "net.onnx"), target = folder.path / "net_i8.onnx";
  CalibrationOptions options;
  options.activations = "symmetric";
  options.correct_bias = false;
  const auto zero_points = [&] {
    std::set<int> types;
    write_calibrated(source, target, options);
    const onnx_proto::GraphProto graph = parsed(target).graph();
    for (const auto& tensor : graph.initializer())
      if (tensor.name().ends_with("/zero_point") && tensor.dims_size() == 0) {
        types.insert(tensor.data_type());
        if (tensor.data_type() == kInt8) CHECK(tensor.raw_data() == std::string(1, '\0'));
      }
    return types;
  };
  // What is never negative gets all levels of a u8.
  CHECK(zero_points() == std::set<int>{kUint8});
  options.target.signed_activations = true;
  CHECK(zero_points() == std::set<int>{kInt8});
  const auto exact = run(source, false), rounded = run(target, true);
  for (std::size_t k = 0; k < exact.size(); ++k) CHECK(cosine(exact[k], rounded[k]) > 0.998);
}

TEST_CASE("weights that are all but zero leave room for their bias in 32 bits", "[onnx]") {
  const Folder folder;
  OnnxModel m(13);
  m.input("x", {1, 2, 4, 4})
      .f32("w", {2, 2, 1, 1}, {1e-20F, -6e-21F, 0.5F, -0.25F})
      .f32("b", {2}, {3, 0.125F})
      .node("Conv", {"x", "w", "b"}, {"y"})
      .output("y");
  const fs::path source = m.write(folder.path / "tiny.onnx"), target = folder.path / "tiny_i8.onnx";
  CalibrationOptions options;
  options.correct_bias = false;
  write_calibrated(source, target, options);
  const onnx_proto::GraphProto graph = parsed(target).graph();
  std::set<std::string> integers;
  for (const auto& tensor : graph.initializer())
    if (constexpr int i32 = 6; tensor.data_type() == i32) integers.insert(tensor.name());
  CHECK(integers == std::set<std::string>{"y/bias/quantized"});
  const auto exact = run(source, false), rounded = run(target, true);
  REQUIRE(rounded.size() == 1);
  CHECK(cosine(exact[0], rounded[0]) > 0.999);
}

TEST_CASE("models that cannot be written as QDQ are refused", "[onnx]") {
  const Folder folder;
  OnnxModel old = network(11);
  const fs::path source = old.write(folder.path / "old.onnx");
  CHECK_THROWS_WITH(write_calibrated(source, folder.path / "x.onnx"),
                    Contains("operator set 11") && Contains("old.onnx"));
  CHECK_FALSE(fs::exists(folder.path / "x.onnx"));
  const fs::path good = network().write(folder.path / "net.onnx");
  write_calibrated(good, folder.path / "net_i8.onnx");
  CHECK_THROWS_WITH(write_calibrated(folder.path / "net_i8.onnx", folder.path / "x.onnx"),
                    Contains("quantized already"));
  ir::Annotation wrong;
  wrong.weights.push_back({"nothing", {{-1, 1}}, 255, {}});
  CHECK_THROWS_WITH(onnx::write_quantized(good, {}, wrong, folder.path / "x.onnx"),
                    Contains("no such layer"));
}

/// REFCALIB_ONNXRUNTIME names a folder of node modules with onnxruntime-node in it.
TEST_CASE("ONNX Runtime runs every convolution of written models on integers", "[onnx]") {
  const char* const modules = std::getenv("REFCALIB_ONNXRUNTIME");
  const char* const environment = std::getenv("REFCALIB_SHARED_DIR");
  const fs::path shared = environment != nullptr ? environment : REFCALIB_SHARED_DIR;
  if (modules == nullptr || !fs::exists(shared / "models")) {
    std::cout << "SKIPPED: ONNX Runtime (set REFCALIB_ONNXRUNTIME to the node_modules of onnxruntime-node, "
                 "and REFCALIB_SHARED_DIR)\n";
    return;
  }
  const Folder folder;
  CalibrationOptions signed_activations;
  signed_activations.activations = "symmetric";
  signed_activations.target.signed_activations = true;
  const std::pair<const char*, CalibrationOptions> cases[] = {
      {"classification/mobilenet_v2/mobilenet_v2.onnx", {}},
      {"classification/squeezenet1.1/squeezenet1.1.onnx", {}},
      {"classification/resnet8/resnet8.onnx", {}},
      {"classification/resnet8/resnet8.onnx", signed_activations},
      {"detection/yolo_fastest/yolo_fastest_1.1.onnx", {}}};
  for (const auto& [name, options] : cases) {
    const fs::path target = folder.path / "model_i8.onnx", input = folder.path / "input",
                   output = folder.path / "output";
    write_calibrated(shared / "models" / name, target, options);
    const auto ours = run(target, true);
    Session session(Program::compile(load_model(target).graph), 1);
    fill(session, 1);
    std::ofstream(input, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(session.input(0).data()),
               static_cast<std::streamsize>(session.input(0).size_bytes()));
    // With s8 around zero it leaves a Relu where it is, and the convolution in front of it in floats.
    const bool fuses = !options.target.signed_activations;
    const std::string script = fuses ? "run_quantized.mjs " : "run_model.mjs ";
    const std::string command = "node " REFCALIB_SOURCE_DIR "/tests/onnx/" + script + std::string(modules) +
                                " " + target.string() + " " + input.string() + " " + output.string();
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
    std::ifstream file(output.string() + (fuses ? "" : ".0"), std::ios::binary);
    std::vector<float> theirs(ours[0].size());
    file.read(reinterpret_cast<char*>(theirs.data()),
              static_cast<std::streamsize>(theirs.size() * sizeof(float)));
    REQUIRE(file);
    const double parallel = cosine(ours[0], theirs);
    std::cout << name << ": cosine with ONNX Runtime " << parallel << "\n";
    CHECK(parallel >= 0.999);
  }
}
