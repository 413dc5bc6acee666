#include "engine/search/layer_effects.h"

#include <cmath>
#include <filesystem>
#include <refcalib/statistics.hpp>

#include "engine/calibration/collect.h"
#include "engine/calibration/plan.h"
#include "engine/evaluation/configured_source.h"
#include "engine/evaluation/dataset.h"
#include "engine/formats/model.h"
#include "engine/search/execution_cost.h"
#include "engine/search/output_error.h"
#include "tests/evaluation/support.h"
#include "tests/support/catch.hpp"

using namespace refcalib::engine;
using refcalib_test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

const fs::path kExample = fs::path(REFCALIB_SOURCE_DIR) / "examples/model";

EvaluationConfig example_config(const TemporaryFolder& folder) {
  ConfigRequest request;
  request.config = folder.write("shapes.yml", R"(models:
  - name: shapes
    launchers:
      - framework: dlsdk
        model: shapes_v7.xml
        adapter: classification
    datasets:
      - name: data
        data_source: heldout
        subsample_size: 60
        annotation_conversion: {converter: imagenet, annotation_file: heldout.txt}
        metrics:
          - type: accuracy
)");
  request.prefixes = {kExample, kExample, kExample, ""};
  return read_configuration(request).evaluations.front();
}

/// The example calibrated by a method that harms every layer.
struct Example {
  TemporaryFolder folder;
  EvaluationConfig config = example_config(folder);
  AnnotationSet annotations = load_annotations(config.dataset, config.prefixes);
  Model model = load_model(config.launcher.model);
  PreparedSamples prepared{100'000'000};
  std::vector<PortInfo> ports;
  refcalib::Statistics statistics;
  CalibrationOptions options;

  Example() {
    for (const ValueId id : model.graph.inputs)
      ports.push_back({model.graph.value(id).name, model.graph.value(id).shape, DType::f32});
    Dataset dataset(ports, configured_sources(ports, config, annotations, prepared), {});
    SampleSource source;
    source.runs = dataset.runs();
    source.fill = [&](Session& session, std::size_t run) { return Filled(dataset.fill(session, run)); };
    CollectOptions collecting;
    collecting.threads = 1;
    statistics = collect(model.graph, source, collecting).statistics;
    options.method = "percentile:70";
    options.per_channel_weights = false;
  }
};

std::shared_ptr<const Program> compiled(const Graph& graph, bool int8) {
  CompileOptions options = default_options();
  options.int8 = int8;
  return Program::compile(graph, options);
}

}  // namespace

TEST_CASE("the effect of a layer behind kept activations is that of a whole run, however they are cut",
          "[search]") {
  Example example;
  const MixedNetwork network(example.model.graph, example.statistics, example.options, nullptr);
  const std::size_t layers = network.layers().size();
  REQUIRE(layers > 5);
  const RankingSubset subset = RankingSubset::even(60, 20);
  const AccuracyGoal goal;
  EffectOptions how;
  how.prepared = &example.prepared;
  how.threads = 2;
  const auto effects = layer_effects(network, example.config, example.annotations, subset, goal, how);
  REQUIRE(effects.size() == layers);

  // Bytes for a few samples at a time, another number of threads.
  how.bytes = 1;
  how.threads = 3;
  const auto in_parts = layer_effects(network, example.config, example.annotations, subset, goal, how);
  REQUIRE(in_parts.size() == layers);

  // Naive: the whole network for every layer.
  const FloatSet all(layers, true);
  ReferenceOutputs outputs(60);
  EvaluateOptions evaluate;
  evaluate.threads = 1;
  evaluate.outputs = [&](std::size_t sample, const NetworkRun& run, std::size_t row) {
    outputs.keep(sample, run, row);
  };
  Evaluator exact(compiled(network.held(all), false), example.config, example.annotations);
  REQUIRE(exact.run(subset.samples, evaluate));
  const double reference = exact.value(0, subset.weights);
  double harm = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    FloatSet floats = all;
    floats[layer] = false;
    double error = 0;
    evaluate.outputs = [&](std::size_t sample, const NetworkRun& run, std::size_t row) {
      error += outputs.error(sample, run, row);
    };
    Evaluator own(compiled(network.held(floats), true), example.config, example.annotations);
    REQUIRE(own.run(subset.samples, evaluate));
    INFO(network.layers()[layer]);
    CHECK(effects[layer].drop == goal.drop(exact.metric(0).info(), reference, own.value(0, subset.weights)));
    CHECK(std::abs(effects[layer].output_error - error / 20) < 1e-12);
    CHECK(effects[layer].output_error == in_parts[layer].output_error);
    CHECK(effects[layer].drop == in_parts[layer].drop);
    harm += effects[layer].output_error;
  }
  CHECK(harm > 0);
}

TEST_CASE("effects can be stopped", "[search]") {
  Example example;
  const MixedNetwork network(example.model.graph, example.statistics, example.options, nullptr);
  EffectOptions how;
  how.stop = [] { return true; };
  CHECK(layer_effects(network, example.config, example.annotations, RankingSubset::even(60, 5), {}, how)
            .empty());
}

TEST_CASE("more layers in float cost more, and all of them what the float network costs", "[search]") {
  Example example;
  const MixedNetwork network(example.model.graph, example.statistics, example.options, nullptr);
  FloatSet floats(network.layers().size(), false);
  const double integers = execution_cost(network.held(floats));
  CHECK(integers < execution_cost(network.held(floats), false));
  floats.assign(floats.size(), true);
  CHECK(integers < execution_cost(network.held(floats)));
  CHECK(execution_cost(network.held(floats)) <= execution_cost(network.held(floats), false) * 1.05);
}

TEST_CASE("a network with layers in float is calibrated as with those layers ignored", "[search]") {
  Example example;
  const MixedNetwork network(example.model.graph, example.statistics, example.options, nullptr);
  FloatSet floats(network.layers().size(), false);
  floats[1] = floats[3] = true;
  const CalibrationResult mixed = network.calibrate(floats);
  CalibrationOptions options = example.options;
  options.ignore_layers = {network.layers()[1], network.layers()[3]};
  const CalibrationResult ignored = decide(
      example.model.graph, plan_calibration(example.model.graph, options), example.statistics, options);
  CHECK(mixed.annotation.keep_float == ignored.annotation.keep_float);
  CHECK(mixed.annotation.weights.size() == ignored.annotation.weights.size());
  CHECK(mixed.annotation.weights.size() + 2 == network.layers().size());
}

TEST_CASE("an evaluation in parts is the evaluation of all", "[search]") {
  Example example;
  const auto program = compiled(example.model.graph, false);
  EvaluateOptions how;
  how.threads = 2;
  Evaluator parts(program, example.config, example.annotations);
  std::vector<std::size_t> even, odd;
  for (std::size_t i = 0; i < 60; ++i) (i % 2 == 0 ? even : odd).push_back(i);
  REQUIRE(parts.run(odd, how));
  how.prepared = &example.prepared;
  REQUIRE(parts.run(even, how));
  const Evaluation one = evaluate(program, example.config, example.annotations, {}, false);
  const Evaluation two = parts.finish();
  CHECK(one.metrics.front()->per_sample() == two.metrics.front()->per_sample());
}
