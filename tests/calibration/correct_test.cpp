#include "engine/calibration/correct.h"

#include <cmath>

#include "engine/calibration/annotated_graph.h"
#include "engine/calibration/candidates.h"
#include "engine/calibration/correction_names.h"
#include "engine/calibration/held_back_proof.h"
#include "engine/calibration/output_comparison.h"
#include "engine/calibration/percentile_search.h"
#include "engine/calibration/refine_layers.h"
#include "engine/calibration/refine_limits.h"
#include "engine/formats/model.h"
#include "tests/calibration/uneven.h"

using namespace refcalib_test;

namespace {

CalibrationOptions all_corrections() {
  CalibrationOptions options;
  choose_corrections("all", options);
  return options;
}

}  // namespace

TEST_CASE("full bias correction restores means, also of layers without a bias, for any number of threads",
          "[correct]") {
  const Samples samples = samples_of(12);
  Uneven network({"relu", 0, 0});
  CalibrationOptions plain;
  plain.correct_bias = false;
  const CalibrationResult base = calibrated(network.graph(), samples, plain);
  const Graph simple = simplified(network.graph());
  std::vector<ir::Annotation> results;
  for (const int threads : {1, 3}) {
    ir::Annotation annotation = base.annotation;
    refine_layers(network.graph(), simple, find_candidates(simple).weighted, samples.size(), filling(samples),
                  {.biases = true, .weights = true, .threads = threads}, annotation);
    results.push_back(annotation);
  }
  CHECK(same_annotation(results[0], results[1]));
  REQUIRE(results[0].weights.size() == 2);
  for (std::size_t l = 0; l < 2; ++l) {
    CHECK(results[0].weights[l].bias.size() == (l == 0 ? 8 : 4));
    CHECK(same_bytes(results[0].weights[l].values, results[1].weights[l].values));
  }

  // Mean of each channel in front of the sigmoid.
  const auto means = [&](const Graph& graph, bool int8) {
    Graph cut = graph;
    cut.outputs = {cut.find_value("c2")};
    std::vector<double> mean(4, 0.0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> y = answer(cut, samples, i, int8);
      for (std::size_t e = 0; e < y.size(); ++e) mean[e / 100] += double{y[e]} / 1200;
    }
    return mean;
  };
  const auto expected = means(network.graph(), false),
             before = means(annotated_graph(network.graph(), base.annotation), true),
             after = means(annotated_graph(network.graph(), results[0]), true);
  for (std::size_t c = 0; c < 4; ++c) {
    INFO(c << ": " << expected[c] << ", uncorrected " << before[c] << ", corrected " << after[c]);
    CHECK(std::fabs(after[c] - expected[c]) < 0.02 * (1 + std::fabs(before[c] - expected[c])));
  }
}

TEST_CASE("biases of later layers are corrected behind the corrected ones before them", "[correct]") {
  // Uneven filters under one scale move the means a lot. A correction from statistics of the network as it was before would undo that
  // move a second time, in the layer behind.
  Samples samples = samples_of(12);
  for (auto& sample : samples)
    for (float& v : sample[0].data) v += 1;
  Uneven network({"relu", 0, 0});
  CalibrationOptions plain;
  plain.correct_bias = false;
  plain.per_channel_weights = false;
  const ir::Annotation base = calibrated(network.graph(), samples, plain).annotation;
  const Graph simple = simplified(network.graph());
  ir::Annotation corrected = base;
  refine_layers(network.graph(), simple, find_candidates(simple).weighted, samples.size(), filling(samples),
                {.biases = true, .weights = false, .threads = 1}, corrected);
  const auto means = [&](const Graph& graph, bool int8) {
    Graph cut = graph;
    cut.outputs = {cut.find_value("c2")};
    std::vector<double> mean(4, 0.0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> y = answer(cut, samples, i, int8);
      for (std::size_t e = 0; e < y.size(); ++e) mean[e / 100] += double{y[e]} / 1200;
    }
    return mean;
  };
  const auto expected = means(network.graph(), false),
             before = means(annotated_graph(network.graph(), base), true),
             after = means(annotated_graph(network.graph(), corrected), true);
  double moved = 0, left = 0;
  for (std::size_t c = 0; c < 4; ++c) {
    moved = std::max(moved, std::fabs(before[c] - expected[c]));
    left = std::max(left, std::fabs(after[c] - expected[c]));
  }
  INFO("largest shift of a mean " << moved << ", corrected " << left);
  CHECK(left < 0.1 * moved);
}

TEST_CASE("corrections are kept if held-back samples gain, and the report says so", "[correct]") {
  const Samples samples = samples_of(16);
  Uneven network({"relu", 0, 0});
  CalibrationOptions options = all_corrections();
  choose_corrections("default,limits", options);
  const CalibrationResult result =
      calibrate_and_correct(network.graph(), {samples.size(), filling(samples)}, options);
  REQUIRE(result.corrections.size() == 3);
  CHECK(result.corrections[0].name == "equalization");
  for (const CorrectionReport& correction : result.corrections) {
    CHECK(correction.held_back == 4);
    if (correction.kept) CHECK(correction.after_db > correction.before_db);
  }
  CHECK(result.samples == 16);

  // Too few samples prove nothing.
  const Samples few = samples_of(7);
  const CalibrationResult plain =
      calibrate_and_correct(network.graph(), {few.size(), filling(few)}, all_corrections());
  CHECK(plain.corrections.empty());
  CHECK(same_annotation(plain.annotation, calibrated(network.graph(), few).annotation));
}

TEST_CASE("the search over percentages of images drops the odd image where held-back samples gain",
          "[correct]") {
  // One of the images that calibrate is a thousand times as bright; those held back are not.
  Samples samples = samples_of(40);
  for (float& v : samples[5][0].data) v *= 1000;
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
  b.output(b.add1("Convolution", "c1", dense(1),
                  {x, b.constant("w1", Constant::f32({1, 4, 3, 3, 3}, waves(4 * 27, 1)))}));
  const Graph network = b.finish();
  CalibrationOptions options;
  options.search_percentiles = true;
  options.method = "kl";
  options.correct_bias = false;  // the odd image would move the means, too
  options.equalize = false;
  const CalibrationResult result =
      calibrate_and_correct(network, {samples.size(), filling(samples)}, options);
  REQUIRE(result.percentiles);
  const PercentileSearch& search = *result.percentiles;
  REQUIRE(search.steps.size() == 11);
  CHECK(search.steps.front().percent == 100);
  CHECK(search.steps.back().percent == 95);
  CHECK(search.percent < 100);
  CHECK(search.steps[1].db > search.steps[0].db + 20);
  CalibrationOptions same;
  same.method = search.method;
  same.correct_bias = false;
  CHECK(same_annotation(result.annotation, calibrated(network, samples, same).annotation));

  const Samples few = samples_of(7);
  CHECK_THROWS_AS(calibrate_and_correct(network, {few.size(), filling(few)}, options), UsageError);
  CHECK(proofs_left_out(options) == std::vector<std::string>{"the search for a percentage of images"});
  CHECK(proofs_left_out(all_corrections()) == std::vector<std::string>{"equalization", "absorption",
                                                                       "alignment", "smooth-inputs",
                                                                       "full-bias", "rounding"});
}

TEST_CASE("limits move to where the answer gains, for any number of threads", "[correct]") {
  const Samples samples = samples_of(32);
  GraphBuilder b;
  const ValueId x = b.input("x", DType::f32, {1, 3, 10, 10});
  b.output(b.add1("Convolution", "c1", dense(1),
                  {x, b.constant("w1", Constant::f32({1, 4, 3, 3, 3}, waves(4 * 27, 1)))}));
  const Graph graph = b.finish();
  const CalibrationPlan plan = plan_calibration(graph, {});
  ir::Annotation wide = calibrated(graph, samples).annotation;
  REQUIRE(wide.activations.size() == 1);
  const float right = wide.activations[0].range[0].high;
  for (auto* limit : {&wide.activations[0].range[0].low, &wide.activations[0].range[0].high}) *limit *= 1.5F;
  std::vector<ir::Annotation> results;
  for (const int threads : {1, 3}) {
    const OutputComparison comparison(
        graph, keep_inputs(Program::compile(graph), samples.size(), filling(samples), samples.size()),
        threads);
    ir::Annotation annotation = wide;
    const LimitFactors factors = refine_limits(graph, plan, comparison, 1.15, annotation);
    REQUIRE(factors.contains("x"));
    CHECK(factors.at("x") < 1 / 1.14);
    CHECK(annotation.activations[0].range[0].high < 1.35F * right);
    results.push_back(annotation);
  }
  CHECK(same_annotation(results[0], results[1]));
}

TEST_CASE("corrections are chosen by name", "[correct]") {
  CalibrationOptions options;
  choose_corrections("equalization,rounding", options);
  CHECK((options.equalize && options.refine_rounding));
  CHECK_FALSE((options.correct_bias || options.full_bias_correction || options.seven_bit_weights));
  choose_corrections("default,7-bit-weights", options);
  CHECK((options.equalize && options.refine_rounding && options.seven_bit_weights));
  choose_corrections("all", options);
  for (const NamedCorrection& c : named_corrections())
    CHECK(options.*c.option == (c.name != "7-bit-weights" && c.name != "limits"));
  choose_corrections("none", options);
  CHECK_FALSE((any_proven_correction(options) || options.correct_bias));
  CHECK_THROWS_WITH(choose_corrections("equalisation", options),
                    Contains("unknown correction 'equalisation' (is 'equalization' meant?)"));
  // Seven bits: limits of 63 steps, so that 127 steps of the stored scale reach twice as far.
  const Samples samples = samples_of(2);
  Uneven network({"relu", 0, 0});
  CalibrationOptions seven;
  seven.seven_bit_weights = true;
  const auto wide = calibrated(network.graph(), samples, seven).annotation.weights,
             plain = calibrated(network.graph(), samples).annotation.weights;
  for (std::size_t c = 0; c < 8; ++c)
    CHECK(wide[0].range[c].high == Approx(plain[0].range[c].high * 127 / 63));
}

TEST_CASE("a gain must exceed its standard error", "[correct]") {
  const std::vector<double> before = {10, 11, 12, 13};
  CHECK(gains(before, {10.5, 11.5, 12.5, 13.5}));
  CHECK(gains(before, {10.9, 11.1, 12.9, 13.1}));
  CHECK_FALSE(gains(before, {13, 9, 14, 11}));
  CHECK_FALSE(gains(before, before));
  CHECK_FALSE(gains({10}, {20}));
  CHECK_FALSE(gains({}, {}));
}

TEST_CASE("corrected models in memory are those of the annotated file", "[correct]") {
  for (const char* const name : {"shapes_v7.xml", "shapes_v11.xml"}) {
    INFO(name);
    const Model model = load_model(std::filesystem::path(REFCALIB_SOURCE_DIR) / "examples" / "model" / name);
    Samples samples;
    for (std::size_t i = 0; i < 8; ++i) {
      std::vector<float> pixels = waves(3 * 32 * 32, static_cast<float>(i));
      for (float& p : pixels) p = 127.5F + 127.5F * p;
      samples.push_back({Tensor{{1, 3, 32, 32}, pixels}});
    }
    // Whatever helps on such data: the corrections by themselves.
    const Graph simple = simplified(model.graph);
    ir::Annotation annotation = calibrated(model.graph, samples).annotation;
    refine_layers(model.graph, simple, find_candidates(simple).weighted, samples.size(), filling(samples), {},
                  annotation);
    std::size_t changed = 0;
    for (const auto& weights : annotation.weights) changed += !weights.values.empty();
    CHECK(changed >= 10);
    const ir::Document document = ir::annotate(model.document, annotation);
    const Graph stored = ir::to_graph(ir::compress_weights(document));
    const Graph in_memory = annotated_graph(model.graph, annotation);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::vector<float> expected = answer(in_memory, samples, i, true);
      CHECK(same_bytes(answer(ir::to_graph(document), samples, i, true), expected));
      CHECK(same_bytes(answer(stored, samples, i, true), expected));
    }
    // Calibrating again leaves corrected layers as they are.
    const Graph again = ir::to_graph(document);
    ir::Annotation second = calibrated(again, samples).annotation;
    const Graph simple_again = [&] {
      Graph graph = again;
      drop_quantization(graph);
      return simplified(graph);
    }();
    refine_layers(again, simple_again, find_candidates(simple_again).weighted, samples.size(),
                  filling(samples), {}, second);
    for (const auto& weights : second.weights) CHECK(weights.values.empty());
  }
}
