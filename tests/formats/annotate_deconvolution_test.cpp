#include <filesystem>

#include "engine/core/error.h"
#include "engine/formats/ir/ir.h"
#include "engine/ops/weighted_traits.h"
#include "engine/passes/passes.h"
#include "engine/runtime/program.h"
#include "tests/formats/annotation.h"
#include "tests/formats/one_layer.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using namespace refcalib_test;

namespace {

std::vector<float> values(std::size_t count) {
  std::vector<float> result(count);
  for (std::size_t i = 0; i < count; ++i) result[i] = 0.01F * static_cast<float>((i * 37 + 11) % 101) - 0.5F;
  return result;
}

/// A transposed convolution of four channels to six, stride 2, in every spelling.
struct Spelling {
  const char* name;
  ir::Document document;
  Shape limits;  ///< of the weights' FakeQuantize; empty in legacy files
};

std::vector<Spelling> spellings() {
  const Pairs legacy = {{"output", "6"}, {"kernel", "3,3"}, {"strides", "2,2"}};
  Pairs grouped = legacy;
  grouped.emplace_back("group", "2");
  const Pairs opset = {{"strides", "2,2"}};
  const auto layer = [](int version, const char* type, const Pairs& attributes) {
    OneLayer result(version, type, attributes);
    result.input({1, 4, 5, 5});
    return result;
  };
  return {{"v6",
           layer(6, "Deconvolution", legacy).blob("weights", values(216)).output({1, 6, 11, 11}).document(),
           {}},
          {"v6, groups",
           layer(6, "Deconvolution", grouped).blob("weights", values(108)).output({1, 6, 11, 11}).document(),
           {}},
          {"v10",
           layer(10, "ConvolutionBackpropData", opset)
               .constant<float>({4, 6, 3, 3}, values(216))
               .output({1, 6, 11, 11})
               .document(),
           {1, 6, 1, 1}},
          {"v11, groups",
           layer(11, "GroupConvolutionBackpropData", opset)
               .constant<float>({2, 2, 3, 3, 3}, values(108))
               .output({1, 6, 11, 11})
               .document(),
           {2, 1, 3, 1, 1}}};
}

ir::Annotation annotation(bool per_channel) {
  ir::Annotation a;
  a.activations.push_back({"x0", {{-1, 127.0F / 128.0F}}, 256, {}, {}});
  std::vector<QuantizationRange> ranges{{-0.5F, 0.5F}};
  for (int c = 1; per_channel && c < 6; ++c) {
    const float high = 0.5F + 0.03F * static_cast<float>(c);
    ranges.push_back({-high, high});
  }
  a.weights.push_back({"y", ranges, 255, {}});
  return a;
}

std::vector<float> outputs(const Graph& graph, bool int8) {
  CompileOptions options;
  options.int8 = int8;
  Session session(Program::compile(graph, options), 1);
  for (std::size_t i = 0; i < session.input(0).size(); ++i)
    session.input(0)[i] = 0.02F * static_cast<float>((i * 53 + 7) % 97) - 1.0F;
  session.run();
  return {session.output(0).begin(), session.output(0).end()};
}

const Value& simplified_weights(Graph& graph) {
  run_passes(graph, simplification_passes());
  return graph.value(node_named(graph, "y").inputs[1]);
}

}  // namespace

TEST_CASE("weights of transposed convolutions are quantized by their output channel",
          "[annotate][deconvolution]") {
  for (const Spelling& s : spellings())
    for (const bool per_channel : {true, false}) {
      INFO(s.name << (per_channel ? ", per channel" : ", per tensor"));
      const ir::Document annotated = ir::annotate(s.document, annotation(per_channel));
      Graph graph = ir::to_graph(annotated);
      if (!s.limits.empty()) {
        const Shape expected = per_channel ? s.limits : Shape(s.limits.size(), 1);
        CHECK(graph.value(node_named(graph, "y/weights_fq").inputs[2]).shape == expected);
      }
      const Graph read = graph;
      const Value& weights = simplified_weights(graph);
      REQUIRE(weights.quantization);
      const Quantization expected = weight_quantization(annotation(per_channel).weights.front().range, 255);
      CHECK(*weights.quantization == expected);
      const auto program = Program::compile(read, CompileOptions{.int8 = true});
      CHECK(std::any_of(program->steps().begin(), program->steps().end(), [](const StepInfo& step) {
        return step.op == "Deconvolution" && step.precision == "I8";
      }));
      // Both spellings, and integers and floats, compute the same up to quantization.
      const std::vector<float> integer = outputs(read, true), real = outputs(read, false);
      REQUIRE(integer.size() == real.size());
      for (std::size_t i = 0; i < real.size(); ++i) CHECK(integer[i] == Approx(real[i]).margin(0.05));
    }
}

TEST_CASE("an annotated transposed convolution is read back with the same bits",
          "[annotate][deconvolution]") {
  const std::filesystem::path written =
      std::filesystem::temp_directory_path() / "refcalib_deconvolution_test.xml";
  for (const Spelling& s : spellings()) {
    INFO(s.name);
    const ir::Document annotated =
        ir::annotate(s.document, annotate_everything(ir::to_graph(s.document), true));
    const std::vector<float> before = outputs(ir::to_graph(annotated), true);
    ir::write_document(annotated, written);
    const Graph again = ir::read_graph(written);
    CHECK(outputs(again, true) == before);
    CHECK(before != outputs(again, false));
    CHECK(outputs(ir::to_graph(ir::compress_weights(annotated)), true) == before);
    // Annotating what is annotated already replaces the earlier annotation.
    const ir::Document twice =
        ir::annotate(ir::read_document(written), annotate_everything(ir::to_graph(s.document), true));
    CHECK(outputs(ir::to_graph(twice), true) == before);
  }
  std::filesystem::remove(written);
  std::filesystem::remove(ir::weights_path_of(written));
}

TEST_CASE("statistics alone leave transposed convolutions in float, as the engines of the time did",
          "[statistics][deconvolution]") {
  ir::Document document = spellings().front().document;
  document.statistics = {{"x0", {-1, -1, -1, -1}, {1, 1, 1, 1}}};
  const Graph graph = ir::to_graph(document);
  CHECK(node_named(graph, "y").hint == PrecisionHint::keep_float);
  for (ir::Layer& layer : document.layers)
    if (layer.name == "y") layer.set_attribute("quantization_level", "I8");
  const Graph asked = ir::to_graph(document);
  CHECK(node_named(asked, "y").hint == PrecisionHint::automatic);
}
