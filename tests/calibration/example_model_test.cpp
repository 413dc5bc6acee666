#include <cmath>

#include "engine/evaluation/dataset.h"
#include "engine/evaluation/labels.h"
#include "engine/evaluation/topk.h"
#include "engine/formats/model.h"
#include "tests/calibration/samples.h"
#include "tests/evaluation/support.h"

using namespace refcalib_test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kModels[] = {"shapes_v7", "shapes_v11"};

fs::path example(const std::string& name) {
  return fs::path(REFCALIB_SOURCE_DIR) / "examples" / "model" / name;
}

Model load_example(const std::string& name) {
  return load_model(example(name + ".xml"));
}

/// All pictures of a folder as the network gets them, in the order of their names.
Samples pictures(const std::string& folder) {
  const Model model = load_example("shapes_v7");
  Session session(Program::compile(model.graph), 1);
  DatasetOptions options;
  options.inputs = {example(folder).string()};
  Dataset dataset(session.program().inputs(), options);
  Samples samples;
  for (std::size_t run = 0; run < dataset.runs(); ++run) {
    REQUIRE(dataset.fill(session, run));
    samples.push_back(
        {{session.program().inputs()[0].shape, {session.input(0).begin(), session.input(0).end()}}});
  }
  return samples;
}

std::vector<std::size_t> labels_of(std::size_t count) {
  const Labels labels = Labels::read(example("heldout.txt"));
  std::vector<std::size_t> classes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    const auto label = labels.find(std::string(3 - number.size(), '0') + number + ".png", i);
    REQUIRE(label);
    classes.push_back(*label);
  }
  return classes;
}

Outputs answers(const Graph& graph, const Samples& samples, bool int8, std::size_t count) {
  Session session(Program::compile(graph, options_for(available_isas().back(), int8)), 1);
  Outputs all;
  for (std::size_t s = 0; s < count; ++s) {
    feed(session, samples[s]);
    session.run();
    all.emplace_back(session.output(0).begin(), session.output(0).end());
  }
  return all;
}

double accuracy(const Outputs& outputs, const std::vector<std::size_t>& labels) {
  TopKCount count;
  for (std::size_t i = 0; i < outputs.size(); ++i) count.add(outputs[i], labels[i]);
  return count.top1_percent();
}

bool same(const Outputs& a, const Outputs& b) {
  bool equal = a.size() == b.size();
  for (std::size_t i = 0; equal && i < a.size(); ++i) equal = same_bytes(a[i], b[i]);
  return equal;
}

std::size_t integer_layers(const Graph& graph) {
  std::size_t count = 0;
  const auto program = Program::compile(graph, options_for(Isa::scalar, true));
  for (const StepInfo& step : program->steps()) count += step.macs > 0 && step.precision == "I8";
  return count;
}

}  // namespace

TEST_CASE("the example stays within 1.5 points by every method and for both weights", "[example]") {
  const Samples calibration = pictures("calibration"), heldout = pictures("heldout");
  REQUIRE(heldout.size() == 300);
  const std::vector<std::size_t> labels = labels_of(heldout.size());
  const refcalib_test::TemporaryFolder folder;
  for (const std::string name : kModels) {
    const Model model = load_example(name);
    const Outputs reference = answers(model.graph, heldout, false, heldout.size());
    const double in_float = accuracy(reference, labels);
    CHECK(in_float == Approx(95.0));
    for (const char* method : {"minmax", "percentile", "kl", "mse"})
      for (const bool per_channel : {true, false}) {
        INFO(name << " " << method << (per_channel ? " per channel" : " per tensor"));
        CalibrationOptions options;
        options.method = method;
        options.per_channel_weights = per_channel;
        const CalibrationResult result = calibrated(model.graph, calibration, options);
        CHECK(result.samples == calibration.size());
        const ir::Document document = ir::annotate(model.document, result.annotation);
        const Graph in_memory = ir::to_graph(document);
        CHECK(integer_layers(in_memory) == 11);
        const Outputs outputs = answers(in_memory, heldout, true, heldout.size());
        CHECK(accuracy(outputs, labels) >= in_float - 1.5);
        CHECK_FALSE(same(outputs, reference));

        // The file gives the same bits as the document in memory.
        ir::write_document(document, folder / "calibrated.xml");
        const Graph from_file = load_model(folder / "calibrated.xml").graph;
        CHECK(same(answers(from_file, heldout, true, 20), {outputs.begin(), outputs.begin() + 20}));
      }
  }
}

TEST_CASE("calibrating the example does not depend on order, threads or instruction set", "[example]") {
  Samples samples = pictures("calibration");
  samples.resize(24);
  for (const std::string name : kModels) {
    INFO(name);
    const Graph graph = load_example(name).graph;
    CalibrationOptions options;
    options.threads = 1;
    const CalibrationResult expected = calibrated(graph, samples, options);
    const Samples reversed(samples.rbegin(), samples.rend());
    CHECK(same_annotation(calibrated(graph, reversed, options).annotation, expected.annotation));
    options.threads = 3;
    CHECK(same_annotation(calibrated(graph, reversed, options).annotation, expected.annotation));
    for (const Isa isa : available_isas()) {
      INFO(to_string(isa));
      const UsedIsa used(isa);
      CHECK(same_annotation(calibrated(graph, samples, options).annotation, expected.annotation));
    }
  }
}

TEST_CASE("a calibrated example can be calibrated again, to the same result", "[example]") {
  Samples samples = pictures("calibration");
  samples.resize(10);
  const refcalib_test::TemporaryFolder folder;
  for (const std::string name : kModels) {
    INFO(name);
    const Model model = load_example(name);
    CalibrationOptions first, second;
    first.method = "minmax";
    first.per_channel_weights = false;
    second.method = "mse";
    first.correct_bias = second.correct_bias = false;
    const ir::Annotation expected = calibrated(model.graph, samples, second).annotation;
    ir::write_document(ir::annotate(model.document, calibrated(model.graph, samples, first).annotation),
                       folder / "once.xml");
    const Model once = load_model(folder / "once.xml");
    const ir::Annotation again = calibrated(once.graph, samples, second).annotation;
    CHECK(same_annotation(again, expected));
    const Graph twice = ir::to_graph(ir::annotate(once.document, again));
    const Graph directly = ir::to_graph(ir::annotate(model.document, expected));
    CHECK(same(answers(twice, samples, true, 10), answers(directly, samples, true, 10)));
  }
}

TEST_CASE("biases are corrected once", "[example]") {
  Samples samples = pictures("calibration");
  samples.resize(10);
  for (const std::string name : kModels) {
    INFO(name);
    const Model model = load_example(name);
    const ir::Annotation once = calibrated(model.graph, samples, CalibrationOptions{}).annotation;
    const Graph corrected = ir::to_graph(ir::annotate(model.document, once));
    const ir::Annotation again = calibrated(corrected, samples, CalibrationOptions{}).annotation;
    REQUIRE(again.weights.size() == once.weights.size());
    bool any = false;
    for (std::size_t i = 0; i < once.weights.size(); ++i) {
      CHECK(again.weights[i].bias == once.weights[i].bias);
      any = any || !once.weights[i].bias.empty();
    }
    CHECK(any);
  }
}

TEST_CASE("layers of the example that are left in float stay so in the file", "[example]") {
  Samples samples = pictures("calibration");
  samples.resize(4);
  for (const std::string name : kModels)
    for (const std::string layer : {"conv1", "res3a", "dw4", "expand5", "res5", "fc6"}) {
      INFO(name << " " << layer);
      const Model model = load_example(name);
      CalibrationOptions options;
      options.ignore_layers = {layer};
      const CalibrationResult result = calibrated(model.graph, samples, options);
      const Graph graph = ir::to_graph(ir::annotate(model.document, result.annotation));
      CHECK(integer_layers(graph) == 10);
      const auto program = Program::compile(graph, options_for(Isa::scalar, true));
      for (const StepInfo& step : program->steps())
        if (step.macs > 0 && step.precision != "I8")
          // The sum of the last block runs inside the convolution in front of it.
          CHECK(step.name.starts_with(layer == "res5" ? "project5" : layer));
    }
}

TEST_CASE("both files of the example are calibrated alike", "[example]") {
  Samples samples = pictures("calibration");
  samples.resize(20);
  std::map<std::string, QuantizationRange> ranges;
  for (const std::string name : kModels) {
    const CalibrationResult result = calibrated(load_example(name).graph, samples);
    std::size_t compared = 0;
    for (const auto& activation : result.annotation.activations) {
      const auto [it, first] = ranges.emplace(activation.value, activation.range[0]);
      if (first) continue;
      INFO(activation.value);
      CHECK(activation.range[0].high == Approx(it->second.high).epsilon(1e-5));
      ++compared;
    }
    if (name == "shapes_v11") CHECK(compared >= 10);
  }
}
