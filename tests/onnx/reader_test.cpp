#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/formats/model.h"
#include "engine/formats/model_formats.h"
#include "engine/runtime/program.h"
#include "tests/onnx/expected.h"
#include "tests/onnx/quantized_models.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

/// A folder that goes away with the test.
struct Folder {
  fs::path path = fs::temp_directory_path() / "refcalib_onnx_reader";
  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  fs::path write(const OnnxModel& model) const { return model.write(path / "model.onnx"); }
};

std::vector<float> run(const Graph& graph, bool int8) {
  CompileOptions options = default_options();
  options.int8 = int8;
  Session session(Program::compile(graph, options), 1);
  for (std::size_t i = 0; i < session.input(0).size(); ++i) session.input(0)[i] = case_input(i);
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

std::string error_of(const fs::path& path, const ir::InputShapes& shapes = {}) {
  try {
    load_model(path, {}, shapes);
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Contains(path.filename().string()));
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
    CHECK(std::string(error.what()).find("internal") == std::string::npos);
    return error.what();
  }
  return {};
}

OnnxModel relu() {
  OnnxModel model(13);
  model.input("x", {1, 2, 3, 3}).node("Relu", {"x"}, {"y"}).output("y");
  return model;
}

}  // namespace

TEST_CASE("Nodes are named as the file names them, else by their first value", "[onnx]") {
  const Folder folder;
  OnnxModel model(13);
  model.input("x", {1, 2, 4}).node("Relu", {"x"}, {"a"}).node("Split", {"a"}, {"b", "", "c"}).output("b");
  model.proto.mutable_graph()->mutable_node(1)->clear_name();
  const fs::path path = folder.write(model);
  const auto names = model_format(path).node_names(path);
  REQUIRE(names.size() == 3);
  CHECK((names[0].value == "a" && names[0].node == "Relu_1" && names[0].type == "Relu"));
  CHECK((names[2].value == "c" && names[2].node == "b" && names[2].type == "Split"));
}

TEST_CASE("quantized models run in integers and agree with ONNX Runtime", "[onnx]") {
  const Folder folder;
  const auto expected = read_expected();
  for (const OperatorCase& one : quantized_models()) {
    INFO(one.name);
    const Model model = load_model(folder.write(one.model));
    int integer_steps = 0;
    const auto program = Program::compile(model.graph);
    for (const StepInfo& step : program->steps())
      integer_steps += step.kernel.find("u8s8") != std::string::npos;
    CHECK(integer_steps >= 1);
    const std::vector<float> ours = run(model.graph, true);
    REQUIRE(expected.contains(one.name));
    const std::vector<float>& theirs = expected.at(one.name).front().values;
    REQUIRE(ours.size() == theirs.size());
    double product = 0, a = 0, b = 0;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      product += double{ours[i]} * theirs[i];
      a += double{ours[i]} * ours[i];
      b += double{theirs[i]} * theirs[i];
    }
    CHECK(product / std::sqrt(a * b) > 0.999);
  }
}

TEST_CASE("a document that was read from ONNX is written and read back to the same bits", "[onnx]") {
  const Folder folder;
  for (const OperatorCase& one : quantized_models()) {
    INFO(one.name);
    const Model model = load_model(folder.write(one.model));
    ir::write_document(model.document, folder.path / "model.xml");
    const Model again = load_model(folder.path / "model.xml");
    for (const bool int8 : {false, true}) CHECK(run(again.graph, int8) == run(model.graph, int8));
  }
}

TEST_CASE("the branch of a constant condition is taken", "[onnx]") {
  const Folder folder;
  for (const int condition : {0, 1}) {
    OnnxModel model(13);
    model.input("x", {2, 3})
        .constant<std::uint8_t>("c", kBool, {}, {static_cast<std::uint8_t>(condition)})
        .node("If", {"c"}, {"y"})
        .output("y");
    auto& node = *model.proto.mutable_graph()->mutable_node(0);
    for (const char* branch : {"then_branch", "else_branch"}) {
      auto& attribute = *node.add_attribute();
      attribute.set_name(branch);
      const bool then = std::string(branch) == "then_branch";
      OnnxModel::add_node(*attribute.mutable_g(), then ? "Neg" : "Abs", {"x"}, {std::string(branch) + "/y"});
      attribute.mutable_g()->add_output()->set_name(std::string(branch) + "/y");
    }
    const std::vector<float> y = run(load_model(folder.write(model)).graph, false);
    CHECK(y[0] == (condition != 0 ? -case_input(0) : std::abs(case_input(0))));
  }
}

TEST_CASE("external data is read from files beside the model", "[onnx]") {
  const Folder folder;
  OnnxModel model(13);
  model.input("x", {2, 3}).f32("w", {3}, {1, 2, 3}).node("Mul", {"x", "w"}, {"y"}).output("y");
  auto& tensor = *model.proto.mutable_graph()->mutable_initializer(0);
  tensor.clear_raw_data();
  tensor.set_data_location(1);
  const auto entry = [&](const char* key, const std::string& value) {
    auto& pair = *tensor.add_external_data();
    pair.set_key(key);
    pair.set_value(value);
  };
  entry("location", "weights.bin");
  entry("offset", "4");
  entry("length", "12");
  const fs::path path = folder.write(model);
  CHECK_THAT(error_of(path), Contains("weights.bin") && Contains("missing"));
  const std::array<float, 4> data = {9, 1, 2, 3};
  std::ofstream(folder.path / "weights.bin", std::ios::binary)
      .write(reinterpret_cast<const char*>(data.data()), sizeof data);
  CHECK(run(load_model(path).graph, false)[1] == case_input(1) * 2);
  tensor.mutable_external_data(2)->set_value("16");
  CHECK_THAT(error_of(folder.write(model)), Contains("outside 'weights.bin'"));
  tensor.mutable_external_data(0)->set_value("../weights.bin");
  CHECK_THAT(error_of(folder.write(model)), Contains("not inside the model's folder"));
}

TEST_CASE("unknown first dimensions are a batch of one, others must be given", "[onnx]") {
  const Folder folder;
  OnnxModel model(13);
  model.input("x", {-1, 2, 3, -1}).node("Relu", {"x"}, {"y"}).output("y");
  const fs::path path = folder.write(model);
  CHECK_THAT(error_of(path), Contains("dynamic shape [-1,2,3,-1]") && Contains("--shape"));
  ir::InputShapes shapes;
  shapes.shapes = {{"x", {4, 2, 3, 5}}};
  CHECK(load_model(path, {}, shapes).graph.value(load_model(path, {}, shapes).graph.outputs[0]).shape ==
        Shape{4, 2, 3, 5});
  shapes.shapes = {{"x", {4, 2}}};
  CHECK_THAT(error_of(path, shapes), Contains("2 dimensions"));
  shapes.shapes = {{"z", {4, 2, 3, 5}}, {"x", {1, 2, 3, 5}}};
  CHECK_THAT(error_of(path, shapes), Contains("no input of this name"));
  model = OnnxModel(13);
  model.input("x", {-1, 3}).node("Relu", {"x"}, {"y"}).output("y");
  const Model one = load_model(folder.write(model));
  CHECK(one.graph.value(one.graph.inputs[0]).shape == Shape{1, 3});
  shapes.shapes = {};
  shapes.batch = 7;
  const Model seven = load_model(path.parent_path() / "model.onnx", {}, shapes);
  CHECK(seven.graph.value(seven.graph.inputs[0]).shape == Shape{7, 3});
}

TEST_CASE("outputs bear the names of tensors, whatever gives them", "[onnx]") {
  const Folder folder;
  OnnxModel model(13);
  model.input("x", {2, 4})
      .node("Split", {"x"}, {"a", "b"}, {attribute("axis", 1)})
      .node("Identity", {"a"}, {"c"})
      .node("Relu", {"b"}, {"d"});
  for (const char* name : {"a", "c", "d", "b"}) model.output(name);
  const Graph graph = load_model(folder.write(model)).graph;
  std::vector<std::string> names;
  for (const ValueId id : graph.outputs) names.push_back(graph.value(id).name);
  CHECK(names == std::vector<std::string>{"a", "c", "d", "b"});
}

TEST_CASE("what is wrong with a model is said in one line", "[onnx]") {
  const Folder folder;
  struct Bad {
    const char* message;
    std::function<void(OnnxModel&)> change;
  };
  const std::vector<Bad> table = {
      {"unsupported operators of operator set 13: Foo (node 'Foo_2')",
       [](OnnxModel& m) { m.node("Foo", {"y"}, {"z"}).output("z"); }},
      {"unsupported operators of operator set 13: other.Relu",
       [](OnnxModel& m) { m.node("Relu", {"y"}, {"z"}, {}, "other").output("z"); }},
      {"operator set 6", [](OnnxModel& m) { m.proto.mutable_opset_import(0)->set_version(6); }},
      {"no earlier node gives",
       [](OnnxModel& m) { m.proto.mutable_graph()->mutable_node(0)->set_input(0, "q"); }},
      {"no node gives this output", [](OnnxModel& m) { m.output("q"); }},
      {"there already", [](OnnxModel& m) { m.node("Relu", {"x"}, {"y"}); }},
      {"no inputs", [](OnnxModel& m) { m.proto.mutable_graph()->clear_input(); }},
      {"no outputs", [](OnnxModel& m) { m.proto.mutable_graph()->clear_output(); }},
      {"needs 16",
       [](OnnxModel& m) {
         m.f32("w", {4}, {1, 2}).node("Mul", {"x", "w"}, {"z"}).output("z");
       }},
      {"element type 8",
       [](OnnxModel& m) {
         m.constant<float>("w", 8, {1}, {1}).node("Mul", {"x", "w"}, {"z"}).output("z");
       }},
      {"takes 2", [](OnnxModel& m) { m.node("Add", {"x"}, {"z"}).output("z"); }},
      {"for 2 spatial dimensions",
       [](OnnxModel& m) {
         m.f32("w", {2, 2, 3}, Floats(12)).node("Conv", {"x", "w"}, {"z"}).output("z");
       }},
      {"kernel_shape",
       [](OnnxModel& m) {
         m.f32("w", {1, 2, 1, 1}, Floats(2))
             .node("Conv", {"x", "w"}, {"z"}, {attribute("kernel_shape", Ints{2, 2})})
             .output("z");
       }},
      {"attribute 'axis' is missing",
       [](OnnxModel& m) {
         m.node("Concat", {"x", "y"}, {"z"}).output("z");
       }},
      {"must be a constant",
       [](OnnxModel& m) {
         m.node("Reshape", {"x", "y"}, {"z"}).output("z");
       }},
      {"is a constant", [](OnnxModel& m) { m.node("Shape", {"x"}, {"z"}).output("z"); }},
      {"quantized numbers is not supported",
       [](OnnxModel& m) {
         m.f32("s", {}, {1})
             .node("QuantizeLinear", {"x", "s"}, {"q"})
             .node("Sigmoid", {"q"}, {"z"})
             .output("z");
       }},
      {"other parameters",
       [](OnnxModel& m) {
         m.f32("s", {}, {1})
             .f32("t", {}, {2})
             .node("QuantizeLinear", {"x", "s"}, {"q"})
             .node("DequantizeLinear", {"q", "t"}, {"z"})
             .output("z");
       }},
      {"is not positive",
       [](OnnxModel& m) {
         m.f32("s", {}, {0})
             .node("QuantizeLinear", {"x", "s"}, {"q"})
             .node("DequantizeLinear", {"q", "s"}, {"z"})
             .output("z");
       }},
      {"output 1 ('v')",
       [](OnnxModel& m) {
         m.node("Dropout", {"x"}, {"z", "v"}).output("z").output("v");
       }},
      {"mode 'wrap'",
       [](OnnxModel& m) {
         m.i64("p", Ints(8, 0)).node("Pad", {"x", "p"}, {"z"}, {attribute("mode", "wrap")}).output("z");
       }},
      {"condition that is computed", [](OnnxModel& m) { m.node("If", {"x"}, {"z"}).output("z"); }},
  };
  for (const Bad& bad : table) {
    OnnxModel model = relu();
    bad.change(model);
    INFO(bad.message);
    CHECK_THAT(error_of(folder.write(model)), Contains(bad.message));
  }
  std::ofstream(folder.path / "model.onnx") << "this is no protocol buffer";
  CHECK_THAT(error_of(folder.path / "model.onnx"), Contains("damaged"));
  std::ofstream(folder.path / "model.onnx", std::ios::trunc).flush();
  CHECK_THAT(error_of(folder.path / "model.onnx"), Contains("damaged"));
  CHECK_THAT(error_of(folder.path / "none.onnx"), Contains("none.onnx"));
  CHECK_THROWS_WITH(load_model(folder.write(relu()), folder.path / "w.bin"),
                    Contains("names its external data itself"));
}
